"""Prints how many small changes to the code the fast tests notice, and each one they do not.

    python scripts/mutants.py [--count 300] [--seed 0]

mutmut makes the mutants (`[tool.mutmut]` in pyproject.toml says of which files) and runs, for each,
the tests that reach the changed function. It takes neither a sample nor a seed, so the names of the
mutants to run are drawn here. It changes what stands in functions: constants of a module,
properties and f-strings stay as they are. Functions that only tests with real libraries reach are
left out. Ends with exit code 1 when fewer than --at_least of the mutants are noticed.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "mutants"  # mutmut's own name for its folder
REAL = ("measures.harness.x_run__", "measures.harness.x__save__")  # lm-eval itself


def names(files: list[str]) -> dict[str, str]:
    """Every mutant mutmut can make of these files, and the file it is in."""
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import get_mutant_name

    return {
        name: file
        for file in files
        for mangled in mutate_file_contents(file, (ROOT / file).read_text()).mutant_names
        if not (name := get_mutant_name(Path(file), mangled)).startswith(REAL)
    }


def run(chosen: list[str]) -> dict[str, str]:
    """What became of each chosen mutant: `killed`, `survived`, `timeout`, `no tests`."""
    from mutmut.stats import status_by_exit_code

    shutil.rmtree(WORK, ignore_errors=True)
    workers = str(os.cpu_count() or 2)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", workers, *chosen]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mutmut failed:\n{(done.stdout + done.stderr)[-3000:]}")
    codes: dict[str, int | None] = {}
    for path in WORK.rglob("*.meta"):
        codes |= json.loads(path.read_text())["exit_code_by_key"]
    return {name: status_by_exit_code[codes[name]] for name in chosen}


def change(name: str, file: str) -> str:
    """`file:line` of a mutant, the lines it takes away and those it puts there."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    diff = get_diff_for_mutant(name, path=file).splitlines()[3:]
    changed = [line for line in diff if line.startswith(("-", "+"))]
    source = (ROOT / file).read_text().splitlines()
    removed = next((line[1:] for line in changed if line.startswith("-")), "")
    function = name.rpartition("__mutmut_")[0].rpartition("ǁ")[2].rpartition(".x_")[2]
    start = next((n for n, text in enumerate(source) if f"def {function}(" in text), 0)
    line = next((n for n in range(start, len(source)) if source[n] == removed), start)
    return "\n".join([f"{file}:{line + 1}", *(f"    {text}" for text in changed)])


def main(
    count: Annotated[int, typer.Option(help="Mutants to run.")] = 300,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    at_least: Annotated[float, typer.Option(help="Percent to be noticed.")] = 85.0,
) -> None:
    """Run a sample of mutants."""
    os.chdir(ROOT)  # mutmut reads pyproject.toml from where it runs
    files: list[str] = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"][
        "only_mutate"
    ]
    known = names(files)
    chosen = sorted(random.Random(seed).sample(sorted(known), min(count, len(known))))
    results = run(chosen)
    for name, result in results.items():
        if result != "killed":
            print(f"{result}: {change(name, known[name])}")
    counts = Counter(results.values())
    share = 100 * counts["killed"] / len(chosen)
    print(", ".join(f"{number} {result}" for result, number in counts.most_common()), end=" ")
    print(f"of {len(chosen)} mutants ({len(known):,} could be made): {share:.1f} % killed")
    raise SystemExit(share < at_least)


if __name__ == "__main__":
    typer.run(main)
