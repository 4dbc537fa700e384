"""Records: what is saved is read back, and what is no record is named."""

import json
import os
from pathlib import Path

import pytest

from core import records
from core.errors import UserError
from tests.models import kept_from_others

DATA = Path(__file__).parents[1] / "data"


def make() -> records.Record:
    return records.load(DATA / "record_schema_1.json")


def test_every_schema_ever_written_is_read() -> None:
    for file in sorted(DATA.glob("record_schema_*.json")):
        record = records.load(file)
        assert f"record_schema_{record.schema_version}" == file.stem


@pytest.mark.parametrize("value", [1e-320, -1e-101, 1e101, 10**300, float("nan"), float("inf")])
def test_a_figure_is_a_number_that_can_be_reckoned_with(value: float) -> None:
    figure = {"value": 1.0, "values": [1.0], "unit": "s", "better": "lower"}
    for changes in ({"value": value}, {"values": [1.0, value]}, {"low": value}, {"cv": value}):
        with pytest.raises(ValueError, match="finite number"):
            records.Figure.model_validate({**figure, **changes})


def test_a_record_is_a_file_of_bounded_size(tmp_path: Path) -> None:
    (tmp_path / "device.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(10 << 30)
    for name, why in (("device", "not a regular"), ("pipe", "not a regular"), ("huge", "at most")):
        with pytest.raises(UserError, match=why):
            records.load(tmp_path / f"{name}.json")


def test_round_trip(tmp_path: Path) -> None:
    record = make()
    path = records.save(record, tmp_path)
    assert records.load(path) == record
    assert path.parent.name == f"{record.subject.model}-{record.subject.scheme}"
    assert records.save(record, tmp_path) != path
    assert len(records.load_all(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 99}, "newer version"),
        ({"kind": "other"}, "kind"),
        ({"extra": 1}, "extra"),
        ({"run_id": "../up"}, "run_id: '../up' is no name: it holds / or"),
        ({"engine": "\x1b[31m"}, "engine: '.*x1b.31m' is no name: it holds characters"),
        ({"measure": "batch 8 8"}, "measure: String should match"),
        ({"round": -1}, "round: Input should be"),
        ({"looks": 0}, "looks: Input should be"),
        ({"settings": {"a": [1e-320]}}, "settings.a.0: 1e-320 is no finite number"),
        ({"raw": {"a": [0, 1e200]}}, "raw.a.1: 1e.200 is no finite number"),
        ({"raw": {"a": "\ud800"}}, "raw.a: text that UTF-8 cannot hold"),
        ({"settings": {"a": json.loads("[" * 200 + "]" * 200)}}, "objects and lists in each other"),
        (
            {"figures": {"x": {"value": "NaN", "values": [], "unit": "s", "better": "lower"}}},
            "figures",
        ),
    ],
)
def test_not_a_record(tmp_path: Path, change: dict, sentence: str) -> None:
    document = {**json.loads((DATA / "record_schema_1.json").read_text()), **change}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=sentence):
        records.load(path)


@pytest.mark.parametrize("part", ["model", "scheme", "path"])
@pytest.mark.parametrize("name", ["../up", "a\0", "\x1b[31m", "..", "-x", "x" * 300])
def test_a_checkpoint_is_called_by_names(tmp_path: Path, part: str, name: str) -> None:
    document = json.loads((DATA / "record_schema_1.json").read_text())
    document["subject"][part] = name
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=f"not a record .subject.{part}: .* is no name: "):
        records.load(path)


def test_others_can_read_a_record(tmp_path: Path) -> None:
    records.save(make(), tmp_path / "results")
    assert kept_from_others(tmp_path / "results") == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_truncated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(UserError, match="record"):
        records.load(path)


def test_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot save"):
        records.save(make(), tmp_path / "file")


def test_only_what_a_writer_left_long_ago_is_removed(tmp_path: Path) -> None:
    home = tmp_path / "tiny-BASE"
    home.mkdir()
    theirs, fresh, old = (
        home / name
        for name in (
            "notes.20240101.tmp",
            "load-20261122T063659Z-0c42e5.tmp",
            "load-20261122T063659Z-0c42e6.tmp",
        )
    )
    for path in (theirs, fresh, old):
        path.touch()
    for path in (theirs, old):
        os.utime(path, (0, 0))
    records.try_writing(tmp_path)
    assert set(home.iterdir()) == {theirs, fresh}


def test_a_record_of_endless_lists_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "load-20261122T063659Z-0c42e5.json"
    path.write_text('{"raw": {"a": [' + "[]," * 1_000_001 + "[]]}}")
    with pytest.raises(UserError, match="more objects and values than any file here has"):
        records.load(path)
