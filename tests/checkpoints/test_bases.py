"""A checkpoint's base is found wherever it is, and is the one with the right weights."""

import json
import shutil
from pathlib import Path

import pytest

from checkpoints import bases, manifest, models
from core.errors import UserError
from running.run import subject_of
from tests import models as tiny


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base in `home/models/`, its checkpoint in `home/out/`, and a current folder apart."""
    base = tiny.write_model(tmp_path / "home" / "models" / "tiny")
    made = tiny.write_compressed(tmp_path / "home" / "out" / "tiny-FP8-W8A8", base)
    change(made, places=bases.places(base, made), path=base.name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


def change(folder: Path, **of_base: object) -> None:
    path = folder / manifest.NAME
    document = json.loads(path.read_text())
    document["base"] |= of_base
    path.write_text(json.dumps(document))


def found(folder: Path) -> Path:
    return bases.pair(str(folder), None).base.path.resolve()


def test_where_it_was(world: Path) -> None:
    assert found(world / "out" / "tiny-FP8-W8A8") == world / "models" / "tiny"


def test_where_both_were_moved_to(world: Path) -> None:
    moved = world.rename(world.with_name("moved"))
    assert found(moved / "out" / "tiny-FP8-W8A8") == moved / "models" / "tiny"


def test_where_it_was_though_the_checkpoint_was_moved(world: Path) -> None:
    moved = (world / "out" / "tiny-FP8-W8A8").rename(world.parent / "renamed")
    assert found(moved) == world / "models" / "tiny"


@pytest.mark.parametrize("folder", ["out", "../elsewhere", "../elsewhere/models"])
def test_where_models_usually_are(world: Path, folder: str) -> None:
    (world / folder).mkdir(exist_ok=True)
    moved = (world / "models" / "tiny").rename((world / folder).resolve() / "tiny")
    assert found(world / "out" / "tiny-FP8-W8A8") == moved


def test_through_a_link_to_the_checkpoint(world: Path) -> None:
    made = world / "out" / "tiny-FP8-W8A8"
    change(made, places=["../../models/tiny"])
    link = world.parent / "link"
    link.symlink_to(made)
    assert found(link) == world / "models" / "tiny"


def test_under_the_name_that_a_download_gets(world: Path) -> None:
    (world / "models" / "tiny").rename(world.parent / "elsewhere" / "tiny-1b")
    change(world / "out" / "tiny-FP8-W8A8", repo_id="org/Tiny-1B")
    assert found(world / "out" / "tiny-FP8-W8A8").name == "tiny-1b"


def test_of_two_the_one_with_its_weights(world: Path) -> None:
    made = world / "out" / "tiny-FP8-W8A8"
    shutil.copytree(world / "models" / "tiny", world / "out" / "tiny")
    shutil.rmtree(world / "models" / "tiny")
    tiny.write_model(world / "models" / "tiny", tiny.llama_shapes(layers=2))
    assert found(made) == world / "out" / "tiny"


def test_a_base_in_another_folder_is_the_same_model(world: Path) -> None:
    renamed = (world / "models" / "tiny").rename(world / "models" / "tiny-v2")
    pair = bases.pair(str(world / "out" / "tiny-FP8-W8A8"), str(renamed))
    assert (pair.base.model, pair.base.path) == ("tiny", renamed)


def test_where_it_is_nowhere_the_places_are_named(world: Path) -> None:
    shutil.rmtree(world / "models" / "tiny")
    with pytest.raises(UserError) as raised:
        found(world / "out" / "tiny-FP8-W8A8")
    for place in (str(world / "models" / "tiny"), str(world / "out" / "tiny"), ", tiny,", "--base"):
        assert place in str(raised.value)


def test_where_only_another_model_has_its_name(world: Path) -> None:
    shutil.rmtree(world / "models" / "tiny")
    tiny.write_model(world / "models" / "tiny", tiny.llama_shapes(layers=2))
    with pytest.raises(UserError, match=r"made from other weights than .*models/tiny has: name"):
        found(world / "out" / "tiny-FP8-W8A8")


def test_a_checkpoint_of_before_says_no_places(world: Path) -> None:
    change(world / "out" / "tiny-FP8-W8A8", places=None, path=None)
    (world / "models" / "tiny").rename(world / "out" / "tiny")
    assert found(world / "out" / "tiny-FP8-W8A8") == world / "out" / "tiny"


@pytest.mark.parametrize("place", ["a\0b", "\x1b[31m", "x" * 5000])
def test_a_place_that_is_no_path(world: Path, place: str) -> None:
    change(world / "out" / "tiny-FP8-W8A8", places=[place])
    with pytest.raises(UserError, match=r"base\.places\.0"):
        models.identify(str(world / "out" / "tiny-FP8-W8A8"))


def test_records_do_not_say_where_models_are_on_a_machine(world: Path) -> None:
    subject = subject_of(models.identify(str(world / "out" / "tiny-FP8-W8A8")))
    assert str(world) not in subject.model_dump_json()
    assert subject.manifest["base"]["fingerprint"]
