"""Records: what is saved is read back, and what is no record is named."""

import json
from pathlib import Path

import pytest

from core import records
from core.errors import UserError

DATA = Path(__file__).parents[1] / "data"


def make() -> records.Record:
    return records.load(DATA / "record_schema_1.json")


def test_every_schema_ever_written_is_read() -> None:
    for file in sorted(DATA.glob("record_schema_*.json")):
        record = records.load(file)
        assert f"record_schema_{record.schema_version}" == file.stem


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
