"""Pictures by matplotlib, and names in them."""

from pathlib import Path

import pytest

from reporting.contents import document, labels
from reporting.deciding import study
from reporting.formats import _pictures as pictures
from reporting.reading import results as reading


@pytest.mark.parametrize("metric", ["tradeoff", "speed", "memory", "quality", "latency"])
def test_pictures(typical_folder: Path, metric: str, tmp_path: Path) -> None:
    built = document.build(study.build(reading.read([typical_folder])))
    assert pictures.draw(built, metric, tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    svg = pictures.draw(built, metric, tmp_path / "deep" / "p.svg").read_text()
    assert "INT8-W8A8" in svg


def test_names_in_the_scatter_neither_collide_nor_leave_it() -> None:
    near = [
        labels.Point(f"INT4-W4A16-{n}", x, None, None, 0.5, None, None, "compressed")
        for n, x in enumerate((1.0, 1.01, 2.0))
    ]
    one, other, last = labels.placed(near)
    assert one.label != other.label and one.narrow != other.narrow
    assert last.label.endswith("left") and last.narrow.endswith("left")
