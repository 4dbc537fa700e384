"""What an inspection says of layers and units that no library is needed for."""

import pytest

from core import cli
from inspection.data import Inspection
from inspection.numeric import WeightErrors
from inspection.sensitivity import Sensitivity, Unit
from reporting.console import analysis

UNITS = [
    Unit(
        name="model.layers.0", layers=["model.layers.0.q", "model.layers.0.k"], kl=6, extra_bytes=90
    ),
    Unit(name="model.layers.1.q", layers=["model.layers.1.q"], kl=3, extra_bytes=10),
    Unit(name="model.layers.2.q", layers=["model.layers.2.q"], kl=1, extra_bytes=10),
]


def sensitivity(units: list[Unit], checkpoint_bytes: int) -> Sensitivity:
    return Sensitivity(units=units, total=11.0, tokens=5, checkpoint_bytes=checkpoint_bytes)


@pytest.mark.parametrize(
    ("units", "checkpoint_bytes", "names"),
    [
        (UNITS, 10_000, ["model.layers.1.q", "model.layers.2.q", "model.layers.0"]),
        (UNITS, 150, ["model.layers.1.q"]),  # the next would be more than a tenth of the bytes
        (UNITS[1:], 10_000, ["model.layers.1.q"]),  # already half of the divergence
        ([], 10_000, []),
    ],
)
def test_units_worth_leaving(units: list[Unit], checkpoint_bytes: int, names: list[str]) -> None:
    assert [unit.name for unit in sensitivity(units, checkpoint_bytes).leave] == names


def test_sensitivity_as_json() -> None:
    first = {
        "name": "model.layers.0",
        "layers": ["model.layers.0.q", "model.layers.0.k"],
        "kl": 6,
        "extra_bytes": 90,
        "sqnr_db": None,
    }
    document = sensitivity(UNITS[:1], 1000).as_json()
    assert list(document.items()) == [
        ("units", [first]),
        ("total_kl", 11.0),
        ("tokens", 5),
        ("leave", [["model.layers.0.q", "model.layers.0.k"]]),
        ("leave_extra_bytes", 90),
        ("leave_share", 0.09),
        ("ignore", [r"re:model\.layers\.0\."]),
    ]


def test_a_checkpoint_without_compressed_layers_has_no_median() -> None:
    errors = WeightErrors(base="demo", folded=None, layers=[])
    with cli.out.capture() as output:
        analysis.show(Inspection(name="m", numeric=errors), everything=False)
    assert "no layer is compressed" in output.get()
