"""Which schemes are meant, and which checkpoints are there."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from checkpoints.models import places as places_of
from compressing import making, missing
from compressing.settings import Settings
from core.errors import UserError
from tests import models


def test_choice_of_schemes() -> None:
    assert missing.choose("all") == ["BASE", *missing.CLASSIC]
    assert missing.choose("fp8_w8a8,base") == ["BASE", "FP8-W8A8"]
    assert len(missing.choose("every")) > 12
    with pytest.raises(UserError, match="Did you mean"):
        missing.choose("FP8-W8A9")


def test_a_single_scheme_nobody_named_is_returned(tmp_path: Path) -> None:
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96))
    places = places_of(str(odd), ["BASE", "INT4-W4A16-RTN"], tmp_path)
    impossible = missing.check(places, Settings(), named=False)
    assert list(impossible) == ["INT4-W4A16-RTN"]
    assert "128 input columns" in impossible["INT4-W4A16-RTN"]


def test_every_disk_must_have_room_for_what_goes_there(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints may be links to a bigger disk, also before there is anything."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one disk only")
    with tempfile.TemporaryDirectory(dir=memory) as bigger:
        small, one = tmp_path.stat().st_dev, Settings()
        full = places_of(str(base), ["INT8-W8A8-RTN", "INT8-W8A16-RTN"], tmp_path)
        room = making.plan(full[0], one).predicted_bytes * 3 // 2

        def usage(folder: Path) -> SimpleNamespace:
            return SimpleNamespace(free=room if folder.stat().st_dev == small else 1 << 40)

        monkeypatch.setattr(missing.shutil, "disk_usage", usage)
        for scheme in ("FP8-W8A8", "INT4-W4A16-RTN"):
            (tmp_path / f"tiny-{scheme}").symlink_to(Path(bigger) / f"tiny-{scheme}")
        linked = places_of(str(base), ["BASE", "FP8-W8A8", "INT4-W4A16-RTN"], tmp_path)
        assert missing.check([*linked, full[0]], one, named=True) == {}
        with pytest.raises(UserError, match=f"free in {tmp_path}$"):
            missing.check([*linked, *full], one, named=True)


def test_a_checkpoint_whose_replacement_was_cut_off_is_put_back(base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8.replaced", base)
    places = places_of(str(base), ["BASE", "FP8-W8A8"], tmp_path)
    assert missing.check(places, Settings(), named=True) == {}
    assert (tmp_path / "tiny-FP8-W8A8" / "config.json").is_file()
