"""A measure is one file: reports show what it declares, wherever figures stand."""

import json
from pathlib import Path

import pytest

from core.records import Record
from reporting.contents import document
from reporting.formats import html as page
from tests.report_case import figure, performance, quality, record, typical, write
from tests.reporting import house
from tests.reporting.conftest import made

ENERGY = '''
"""Energy of the whole machine at a power limit."""

from core.measure import Measure, Quantity, Shown

MEASURE = Measure(
    summary="energy",
    kind="performance",
    quantities={
        "joules_per_token": Quantity(
            unit="J/token", better="lower", title="energy", in_summary=True, chart="energy, {}",
            change="timed",
        ),
        "hidden": Quantity(unit="1", better="none"),
    },
    run=lambda loaded, settings: {},
    figures=lambda raw: {},
    varies="watts",
    shown=Shown(
        place=50,
        title="Energy",
        load="at {} W",
        headline="joules_per_token",
        headline_title="energy {}",
        note=lambda machine, figures: f"of {len(figures)} schemes",
        observe=lambda base, compressed: [f"{len(compressed)} schemes save energy."],
    ),
)
'''
TOXICITY = '''
"""Share of toxic answers."""

from core.measure import Measure, Quantity, Shown

MEASURE = Measure(
    summary="toxicity",
    kind="quality",
    quantities={
        "toxic": Quantity(
            unit="fraction", better="lower", title="toxic", shown_in="%", in_summary=True,
            chart="toxic answers", change="shown",
        ),
    },
    run=lambda loaded, settings: {},
    figures=lambda raw: {},
    shown=Shown(headline="toxic"),
    paired={"detoxed": Quantity(unit="fraction", better="lower", title="detoxed", shown_in="%")},
    compare=lambda base, compressed: {"detoxed": compressed["share"]},
)
'''


def energy(scheme: str, joules: float, **changes: object) -> list[Record]:
    """Three loads around a figure."""
    return [
        record(
            scheme,
            "energy",
            {
                "joules_per_token": figure([factor * joules], "J/token", "lower"),
                "hidden": figure([7.0], "1", "none"),
            },
            {},
            {"watts": 300},
            round=number,
            **changes,
        )
        for number, factor in enumerate((1.0, 1.01, 0.99), start=1)
    ]


def toxicity(scheme: str, share: float, **changes: object) -> Record:
    figures = {"toxic": figure([share], "fraction", "lower")}
    raw = {"share": 0.333, "tokens": "as it likes"}
    return record(scheme, "toxicity", figures, raw, {"watts": 300}, kind="quality", **changes)


def run_of(number: int, joules: float) -> list[Record]:
    stamp = f"2026-01-0{number}T00:00:00+00:00"
    when = {"run_id": f"2026010{number}T", "started": stamp, "ended": stamp}
    records = []
    for scheme, share in (("BASE", 1.0), ("INT8-W8A8", 0.5)):
        records += [*performance(scheme, 300, 1 << 20, **when), *quality(scheme, **when)]
        records += [*energy(scheme, share * joules, **when), toxicity(scheme, 0.125, **when)]
    return records


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with two more measures, and records of five runs."""
    folder = tmp_path_factory.mktemp("grown")
    copied = house.copy(folder)
    (copied / "measures" / "energy.py").write_text(ENERGY)
    (copied / "measures" / "toxicity.py").write_text(TOXICITY)
    runs = enumerate((2.0, 2.01, 1.99, 2.0, 4.0), start=1)
    write(folder / "perf_results", [r for n, joules in runs for r in run_of(n, joules)])
    return copied


def test_tables_and_observations(grown: Path) -> None:
    done = house.run(grown, "--format", "md")
    assert done.returncode == 0, done.stderr
    assert "## Energy\n" in done.stdout
    assert (
        "| INT8-W8A8 | at 300 W | 2.00x (" in done.stdout
        and "| 2.00 (1.95 to 2.05) |" in done.stdout
    )
    assert "of 2 schemes" in done.stdout and "1 schemes save energy." in done.stdout
    quality_table = done.stdout.partition("## Quality")[2].partition("##")[0]
    assert "toxic % | detoxed % |" in quality_table and "| 12.5 | 33.3 |" in quality_table
    assert "hidden" not in done.stdout


def test_the_page_with_its_charts_and_details(grown: Path) -> None:
    done = house.run(grown, "--format", "html")
    assert done.returncode == 0, done.stderr
    shown = (grown.parent / "report-tiny.html").read_text()
    assert 'id="energy"' in shown and 'id="chart-energy-0"' in shown
    drawn = json.loads(shown.partition('id="charts">')[2].partition("</script>")[0])["panels"]
    (panel,) = drawn["energy"]
    assert (panel["title"], panel["unit"]) == ("energy, at 300 W", "J/token")
    assert [bar["text"] for bar in panel["bars"]] == ["4.00 J/token", "2.00 J/token"]
    assert "toxic answers" in [one["title"] for one in drawn["quality"]]
    assert ">hidden</td>" in shown


def test_runs_against_each_other(grown: Path) -> None:
    done = house.run(grown, "--history")
    assert done.returncode == 3, done.stderr
    assert "energy at 300 W" in done.stdout and "4.00 J/token (3.90 to 4.10)" in done.stdout
    assert "regression: BASE energy 300 joules_per_token" in done.stderr
    done = house.run(grown, "--compare", "20260105", "20260104", "--json")
    changes = json.loads(done.stdout.splitlines()[-1])["changes"]
    called = {(c["scheme"], c["measure"], c["figure"]): c["called"] for c in changes}
    assert called["BASE", "energy 300", "joules_per_token"] == "improvement"
    assert called["BASE", "toxicity", "toxic"] == "not tested"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_data(grown: Path, form: str) -> None:
    done = house.run(grown, "--format", form)
    assert done.returncode == 0, done.stderr
    assert "joules_per_token" in done.stdout and "toxic" in done.stdout


def test_a_picture_of_its_own(grown: Path) -> None:
    done = house.run(grown, "--metric", "energy", "--output_file", "energy.svg")
    assert done.returncode == 0, done.stderr
    assert "4.00 J/token" in (grown.parent / "energy.svg").read_text().replace("<!-- ", "")


def test_the_summary_of_commands(grown: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from core import records\n"
        "from reporting.console import results\n"
        "saved = [r for r in records.load_all(Path('perf_results')) if r.run_id == '20260105T']\n"
        "results.show_run(saved, 'tiny', [Path('perf_results')], '1', False)\n"
    )
    done = house.run(grown, "-c", code)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "at 300 W" in done.stdout.partition("Quality")[0]
    summary = done.stdout.partition("Quality")[0].splitlines()
    (row,) = (line for line in summary if line.startswith("INT8-W8A8 "))
    assert "2.00" in row and "12.5" in row and rows


def test_a_measure_nobody_knows_stands_in_the_details(tmp_path: Path) -> None:
    unknown = [*energy("BASE", 2.0), toxicity("BASE", 0.5)]
    study = made(tmp_path, [*typical(), *unknown])
    built = document.build(study)
    assert not any("nergy" in table.title for table in built.tables)
    shown = page.html(built)
    assert ">joules_per_token</td><td>2.00 J/token</td>" in shown
