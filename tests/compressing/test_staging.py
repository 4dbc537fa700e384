"""A checkpoint folder is whole or absent, and an old one survives whatever happens to the new."""

from pathlib import Path

import pytest

from compressing import staging
from core.errors import UserError


def fill(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)


def test_appears_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with staging.whole(target, replace=False) as folder:
        fill(folder, "new")
        assert not target.exists()
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
        (OSError(28, "No space left on device"), UserError),
        (RuntimeError("I/O error: No space left on device (os error 28)"), UserError),
    ],
)
def test_nothing_half_made_is_left(tmp_path: Path, problem: BaseException, told: type) -> None:
    with pytest.raises(told), staging.whole(tmp_path / "made", replace=False) as folder:
        fill(folder, "half")
        raise problem
    assert list(tmp_path.iterdir()) == []


def test_existing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(UserError, match="--force"), staging.whole(tmp_path / "made", replace=False):
        pass


def test_force_replaces_only_once_whole(tmp_path: Path) -> None:
    target = tmp_path / "made"
    target.mkdir()
    fill(target, "old")
    with pytest.raises(ValueError), staging.whole(target, replace=True) as folder:
        fill(folder, "half")
        raise ValueError
    assert (target / "file").read_text() == "old"
    with staging.whole(target, replace=True) as folder:
        fill(folder, "new")
        assert (target / "file").read_text() == "old"
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_unwritable_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "made"
    with pytest.raises(UserError, match="cannot write"), staging.whole(target, replace=False):
        pass
