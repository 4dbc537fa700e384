"""A measure's figures with their units, from raw values: of a run just made or of old records."""

from dataclasses import asdict
from typing import Any

from core import plugins
from core.records import Figure


def figures_of(name: str, raw: dict[str, Any]) -> dict[str, Figure]:
    """A measure's figures with their units. Raises ValueError or ArithmeticError for bad values."""
    measure = plugins.load("measures", name)
    quantities = measure.quantities_of(raw) | measure.quantities
    return {
        figure: Figure.model_validate(
            {
                "unit": quantities[figure].unit,
                "better": quantities[figure].better,
                **asdict(estimate),
            }
        )
        for figure, estimate in measure.figures(raw).items()
    }
