"""A checkpoint folder is whole or absent, and an old one survives whatever happens to the new."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compressing import staging
from core.errors import UserError
from core.plugins import ROOT


def fill(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)


def made(parent: Path) -> Path:
    """A checkpoint that is there."""
    target = parent / "made"
    target.mkdir(parents=True)
    fill(target, "old")
    (target / "config.json").write_text("{}")
    return target


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
    target = made(tmp_path)
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


MAKING = """
import sys, time
from pathlib import Path
from compressing import staging
with staging.whole(Path("made"), replace=False) as folder:
    (folder / "file").write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


def test_one_process_at_a_time_and_a_killed_one_is_taken_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", MAKING], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"begun\n"
        with (
            pytest.raises(UserError, match="another process is writing"),
            staging.whole(tmp_path / "made", replace=True),
        ):
            pass
        assert (tmp_path / "made.partial" / "file").read_text() == "half"
        other.kill()
    assert staging.reclaimable(tmp_path / "made") == len("half")
    with staging.whole(tmp_path / "made", replace=False) as folder:
        assert list(folder.iterdir()) == []
        fill(folder, "new")
    assert "left by a process that was killed" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_another_process_finished_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back = staging._put_back
    monkeypatch.setattr(staging, "_put_back", lambda target: (made(tmp_path), put_back(target)))
    with (
        pytest.raises(UserError, match="exists already"),
        staging.whole(tmp_path / "made", replace=False),
    ):
        pass
    assert (tmp_path / "made" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_replacement_cut_off_between_its_renames_is_undone(tmp_path: Path) -> None:
    made(tmp_path).rename(tmp_path / "made.replaced")
    with pytest.raises(ValueError), staging.whole(tmp_path / "made", replace=True):
        raise ValueError
    assert (tmp_path / "made" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, there: bool) -> None:
    disk, here = tmp_path / "bigger", tmp_path / "here"
    disk.mkdir()
    here.mkdir()
    if there:
        made(disk)
    (here / "made").symlink_to(disk / "made")
    with staging.whole(here / "made", replace=there) as folder:
        fill(folder, "new")
    assert (here / "made").is_symlink() and (disk / "made" / "file").read_text() == "new"
    assert [path.name for path in (*here.iterdir(), *disk.iterdir())] == ["made", "made"]


def test_force_replaces_checkpoints_alone(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    fill(tmp_path / "made", "a diary")
    with (
        pytest.raises(UserError, match="is no checkpoint"),
        staging.whole(tmp_path / "made", replace=True),
    ):
        pass
    assert (tmp_path / "made" / "file").read_text() == "a diary"


def test_whoever_serves_it_can_read_it(tmp_path: Path) -> None:
    with staging.whole(tmp_path / "made", replace=False) as folder:
        fill(folder, "new")
        (folder / "file").chmod(0o600)
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "made" / "file").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("replace", [False, True])
def test_what_others_put_there_meanwhile_stays_and_nothing_made_is_lost(
    tmp_path: Path, replace: bool
) -> None:
    target = tmp_path / "made"
    with (
        pytest.raises(UserError, match="it was kept as"),
        staging.whole(target, replace) as folder,
    ):
        fill(folder, "new")
        target.mkdir()
        fill(target, "a diary")
    assert (target / "file").read_text() == "a diary"
    (kept,) = tmp_path.glob("made.*")
    assert (kept / "file").read_text() == "new" and not kept.name.endswith(".partial")


def test_a_rename_that_fails_loses_neither_the_old_nor_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, rename = made(tmp_path), Path.rename

    def refuse(source: Path, wanted: Path) -> Path:
        if source.name == "made.partial" and wanted.name == "made":
            raise PermissionError(1, "Operation not permitted", str(source))
        return rename(source, wanted)

    monkeypatch.setattr(Path, "rename", refuse)
    with (
        pytest.raises(UserError, match=r"not permitted.* it was kept as"),
        staging.whole(target, replace=True) as folder,
    ):
        fill(folder, "new")
    assert (target / "file").read_text() == "old"
    (kept,) = tmp_path.glob("made.*")
    assert (kept / "file").read_text() == "new"


def test_a_link_to_itself_and_a_disk_of_its_own_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with (
        pytest.raises(UserError, match="leads to itself"),
        staging.whole(tmp_path / "loop", replace=True),
    ):
        pass
    target = made(tmp_path)
    monkeypatch.setattr(Path, "is_mount", lambda self: self == target)
    with pytest.raises(UserError, match="a disk of its own"), staging.whole(target, replace=True):
        pass
    assert (target / "file").read_text() == "old"


def test_a_file_system_without_modes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with staging.whole(tmp_path / "made", replace=False) as folder:
        fill(folder, "new")
    assert (tmp_path / "made" / "file").read_text() == "new"


def test_a_cut_off_replacement_is_restored_on_its_own(tmp_path: Path) -> None:
    made(tmp_path).rename(tmp_path / "made.replaced")
    staging.restore(tmp_path / "made")
    staging.restore(tmp_path / "another")
    assert (tmp_path / "made" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_the_disk_is_the_one_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "bigger").mkdir()
    (tmp_path / "made").symlink_to(tmp_path / "bigger" / "deeper" / "made")
    assert staging.disk(tmp_path / "made") == tmp_path / "bigger"
    assert staging.disk(tmp_path / "not" / "there") == tmp_path


def test_a_replaced_checkpoint_that_was_half_deleted_is_not_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    monkeypatch.setattr(staging.shutil, "rmtree", lambda folder, **options: None)  # cut off
    with staging.whole(tmp_path / "made", replace=True) as folder:
        fill(folder, "new")
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} == {"made", "made.deleted"}
    assert staging.reclaimable(tmp_path / "made") > 0
    shutil.rmtree(tmp_path / "made")
    staging.restore(tmp_path / "made")
    assert not (tmp_path / "made").exists()
    with staging.whole(tmp_path / "made", replace=False) as folder:
        fill(folder, "anew")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
