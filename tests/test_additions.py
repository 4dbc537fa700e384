"""Adding an engine, a measure, a report format or a scheme is one new file.

Four files are dropped into a copy of the tree; nothing else is changed. Commands, tables, the page,
the history and the generated docs must know them.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.plugins import ROOT
from tests import models

ROOMS = (
    "checkpoints", "comparing", "compressing", "core", "corpora", "demo", "engines", "grid",
    "guarding", "hub", "inspection", "measures", "quality", "reporting", "running", "schemes",
    "scripts", "studies",
)  # fmt: skip

MEASURE = '''"""Spelling: how many letters an answer has, as a stand-in for any quality of texts."""

from dataclasses import dataclass
from typing import Annotated

from core.engine import Sampling
from core.measure import Loaded, Measure, Quantity, Raw, ServedBase, Shown
from core.options import option
from core.stats import Estimate, mean_of


@dataclass(frozen=True, kw_only=True)
class SpellingOptions:
    """How many prompts to answer."""

    spelling_prompts: Annotated[int, option("prompts whose answers are spelled", min=0)] = 4


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """The prompts."""

    prompts: int


def plan(options: SpellingOptions, base: ServedBase) -> list[Spelling]:
    """One job."""
    count = options.spelling_prompts
    return [Spelling(prompts=count)] if count else []


def run(loaded: Loaded, settings: Spelling) -> Raw:
    """Letters of each answer."""
    prompts = [loaded.engine.encode(f"Spell {n}.") for n in range(settings.prompts)]
    answers = loaded.engine.generate(prompts, Sampling(max_new_tokens=8))
    return {"letters": [len(loaded.engine.decode(a.token_ids)) / 16 for a in answers]}


def figures(raw: Raw) -> dict[str, Estimate]:
    """The mean."""
    return {"letters": mean_of(raw["letters"])}


MEASURE = Measure(
    summary="letters of answers",
    kind="quality",
    quantities={
        "letters": Quantity(
            unit="fraction",
            better="higher",
            title="letters spelled",
            in_summary=True,
            chart="letters spelled",
            change="shown",
        )
    },
    run=run,
    figures=figures,
    options=SpellingOptions,
    plan=plan,
    shown=Shown(headline="letters", headline_title="letters spelled"),
    paired={"more_letters": Quantity(unit="fraction", better="none", title="letters as BASE")},
    compare=lambda base, compressed: {"more_letters": 1.0},
)
'''

FORMAT = '''"""Plain lines: a heading, and a line a scheme."""

from pathlib import Path

from reporting.contents.document import Request
from reporting.formats._format import Format, write_text


def write(request: Request, output: Path | None) -> None:
    """The schemes' names."""
    schemes = [candidate.scheme for candidate in request.report.study.candidates]
    write_text("PLAIN " + " ".join(schemes), output)


FORMAT = Format(summary="plain lines", suffixes=(".plain",), write=write)
'''


def scheme_of_contributing() -> str:
    """The file with which CONTRIBUTING.md shows how to add a scheme."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    return page.split("```python schemes/int4_w4a16_g64.py\n")[1].split("```")[0]


def copy_of_the_tree(tree: Path) -> Path:
    """Every room and command, in the folder `tree`."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    for command in ROOT.glob("*.py"):
        shutil.copy(command, tree)
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with one new file each of an engine, a measure, a format and a scheme."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    fake = (ROOT / "engines" / "fake.py").read_text()
    (tree / "engines" / "echo.py").write_text(fake.replace('"fake"', '"echo"'))
    (tree / "measures" / "spelling.py").write_text(MEASURE)
    (tree / "reporting" / "formats" / "plain.py").write_text(FORMAT)
    (tree / "schemes" / "int4_w4a16_g64.py").write_text(scheme_of_contributing())
    models.write_compressed(
        tree / "tiny-INT4-W4A16-G64", models.write_model(tree / "tiny"), "INT4-W4A16-G64"
    )
    return tree


def run(tree: Path, *words: object, exit_code: int = 0) -> str:
    """What a command prints in the copied tree: its answer, or why it ended with `exit_code`."""
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=tree, capture_output=True, text=True
    )
    assert done.returncode == exit_code, done.stderr
    return done.stderr if exit_code else done.stdout


@pytest.fixture(scope="module")
def scored(tree: Path) -> str:
    """What the whole job prints with the new engine, scheme and measure, run twice."""
    words = (
        "pipeline.py", "--model_id", "tiny", "--schemes", "INT4-W4A16-G64", "--engine", "echo",
        "--tasks", "none", "--text", "none", "--prompt_tokens", 8, "--max_new_tokens", 8,
        "--batch_sizes", 2, "--spelling_prompts", 3,
    )  # fmt: skip
    run(tree, *words)
    return run(tree, *words)


def test_commands_know_the_scheme_and_the_measures_options(tree: Path) -> None:
    assert "INT4-W4A16-G64" in run(tree, "compress.py", "--list")
    for command in ("score.py", "pipeline.py"):
        assert "--spelling_prompts" in run(tree, command, "--help")
    plan = (
        "--compression_type", "int4_w4a16_g64", "--model_id", "demo", "--dry_run", "--json",
    )  # fmt: skip
    planned = json.loads(run(tree, "compress.py", *plan).splitlines()[-1])
    assert planned["scheme"] == "INT4-W4A16-G64"
    assert planned["bits_per_weight"] == pytest.approx(4 + 16 / 64, abs=0.01)


def test_tables_show_the_measure_of_the_engine_and_scheme(tree: Path, scored: str) -> None:
    assert "letters spelled" in scored and "INT4-W4A16-G64" in scored
    saved = list((tree / "eval_results" / "tiny-INT4-W4A16-G64").glob("spelling-*.json"))
    record = json.loads(saved[0].read_text())
    assert record["engine"] == "echo" and record["settings"] == {"prompts": 3}
    assert record["figures"]["letters"]["value"] == 0.5
    report = run(tree, "report.py")
    assert "letters spelled" in report and "letters as BASE" in report


def test_page_data_and_history_show_the_measure(tree: Path, scored: str) -> None:
    run(tree, "report.py", "--output_file", "page.html")
    page = (tree / "page.html").read_text()
    charts = json.loads(re.findall(r'id="charts">(.*?)</script>', page)[0])
    assert "letters spelled" in json.dumps(charts)
    assert re.search(r"<th[^>]*>(<button[^>]*>)?letters spelled", page)
    assert "letters spelled" in run(tree, "report.py", "--history")
    assert "spelling" in run(tree, "report.py", "--format", "csv")
    schemes = json.loads(run(tree, "report.py", "--json").splitlines()[-1])["schemes"]
    assert schemes["INT4-W4A16-G64"]["measures"]["spelling"]["figures"]["letters"]["value"] == 0.5


def test_report_knows_the_format(tree: Path, scored: str) -> None:
    assert run(tree, "report.py", "--format", "plain").strip() == "PLAIN BASE INT4-W4A16-G64"
    run(tree, "report.py", "--output_file", "all.plain")
    assert (tree / "all.plain").read_text().startswith("PLAIN BASE")
    assert "plain" in run(tree, "report.py", "--help")


def test_generated_docs_know_scheme_and_options(tree: Path) -> None:
    pages = (
        "from scripts import make_docs; print(make_docs.schemes_page(), make_docs.commands_page())"
    )
    printed = run(tree, "-c", pages)
    assert "`INT4-W4A16-G64`" in printed and "pack-quantized, group 64" in printed
    assert "--spelling_prompts" in printed
