"""What may be compared: one context, the same weights, the newest record."""

from pathlib import Path

from reporting.contents import document
from reporting.formats import md as markdown
from tests.report_case import MACHINE, performance, quality, typical
from tests.reporting.conftest import made


def test_base_missing_means_absolute_figures(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, performance("INT8-W8A8", 400, 6 << 20)))
    text = markdown.text(built)
    assert "figures are absolute" in text and "speed-up |" not in text
    assert "| INT8-W8A8 | one user | 400 (390 to 410) |" in text


def test_quality_alone_is_a_report(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, [*quality("BASE"), *quality("INT8-W8A8", 0.69)]))
    assert {t.key for t in built.tables} == {"summary", "quality", "tasks"}
    assert all(not outcome.decided for outcome in built.outcomes)


def test_other_hardware_is_left_out_and_said(tmp_path: Path) -> None:
    late = {"ended": "2027-01-01T00:00:00+00:00", "machine": {**MACHINE, "cores": 64}}
    found = made(tmp_path, [*typical(), *performance("INT8-W8A8", 9000, 1, **late)])
    assert found.context["cores"] == "2"
    assert any("cores 2 and 64" in note for note in found.notes)


def test_quality_of_other_weights_is_left_out(tmp_path: Path) -> None:
    timed = performance("INT8-W8A8", 400, 1)
    other = timed[0].subject.model_copy(update={"fingerprint": "changed"})
    found = made(tmp_path, [*timed, *quality("INT8-W8A8", subject=other)])
    assert not found.candidates[0].quality and "other weights" in found.notes[0]


def test_a_scheme_that_failed_in_one_round_has_failed(tmp_path: Path) -> None:
    update = {"status": "failed", "reason": "out of memory", "figures": {}}
    records = [
        r.model_copy(update=update)
        if r.subject.scheme == "BASE" and r.kind == "performance" and r.round == 2
        else r
        for r in typical()
    ]
    found = made(tmp_path, records)
    assert found.base is not None
    assert found.base.problem("sequential") == "round 2: out of memory"
    table = next(t for t in document.build(found).tables if t.key == "missing")
    assert any(row[0].text == "BASE" and "out of memory" in row[2].text for row in table.rows)


def test_the_environment_names_each_thing_once(tmp_path: Path) -> None:
    served = {"kernels": {}, "process": {"LD_PRELOAD": ["libiomp5.so"]}}
    built = document.build(made(tmp_path, performance("BASE", 300, 1, served=served)))
    names = [name.casefold() for name, _ in built.environment]
    assert len(names) == len(set(names)) and {"vllm", "ld preload"} <= set(names)
    assert dict(built.environment)["LD PRELOAD"] == "libiomp5.so"
    assert not any(text in ("[]", "") for _, text in built.environment)
