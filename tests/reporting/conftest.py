"""Fixtures of every test of reports."""

from pathlib import Path

import pytest

from core.records import Record
from reporting.deciding import study
from reporting.deciding.study import Study
from reporting.reading import results as reading
from tests.report_case import report, typical, write

__all__ = ["report"]


@pytest.fixture
def typical_folder(tmp_path: Path) -> Path:
    return write(tmp_path / "perf_results", typical())


def made(folder: Path, found: list[Record]) -> Study:
    return study.build(reading.read([write(folder, found)]))
