"""How often decisions are wrong where the truth is known: false verdicts, coverage, power.

    python scripts/bench_decisions.py --part quality --repetitions 2000
    python scripts/bench_decisions.py --part speed --repetitions 400
    python scripts/bench_decisions.py --part real --repetitions 5

Quality and speed are simulated with the code that reports use; `real` runs pipeline.py on seven
copies of the built-in model. Prints a table as it goes. The figures in docs/quality.md and
docs/measuring.md are from it.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class Part(StrEnum):
    """What is simulated."""

    quality = "quality"
    speed = "speed"
    real = "real"


def main(
    part: Annotated[Part, typer.Option(help="Which decisions.")] = Part.quality,
    repetitions: Annotated[int, typer.Option(help="Of every line.", min=1)] = 2000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
) -> None:
    """Print the tables of one part."""
    from scripts.decisions import quality_tables, real, speed

    tables = {
        Part.quality: quality_tables.lines,
        Part.speed: speed.lines,
        Part.real: real.lines,
    }
    for line in tables[part](repetitions, seed):
        print(line, flush=True)


if __name__ == "__main__":
    typer.run(main)
