"""The page of a known study as Markdown: environment, checkpoints, its tables and pictures."""

from contextlib import suppress
from pathlib import Path

from core import cli
from core.errors import UserError
from core.words import size
from reporting.contents import preset_page
from reporting.contents.document import Report
from reporting.deciding.candidate import Candidate
from reporting.deciding.reasons import GOALS
from reporting.formats import _pictures as pictures
from reporting.formats._format import write_text
from reporting.formats.md import bullets, escape, paragraph, table
from studies._preset import Preset

HEADS = ("lm_head", "embed_tokens", "embed_out")
ENVIRONMENT = ("hardware", "driver", "operating system", "Python", "torch", "engine", "measured")


def text(preset: Preset, report: Report, drawn: list[tuple[str, Path]]) -> str:
    """The whole page; `drawn` are titles and files of pictures in the page's folder."""
    model = report.study.model
    facts = [f"{name}: {value}" for name, value in report.environment if name in ENVIRONMENT]
    parts = [
        f"# {escape(preset.title)}: {escape(model)}",
        paragraph(f"{preset.summary[0].upper()}{preset.summary[1:]}."),
        "## Test Environment\n\n" + bullets(facts),
        "## Models Tested\n\n" + bullets(_checkpoints(preset, report)),
        *(table(contents) for contents in preset_page.tables(preset, report)),
        *(f"![{escape(title)}]({file.name})" for title, file in drawn),
    ]
    if lacking := preset_page.missing(preset, report):
        parts.append("## Not Measured\n\n" + bullets(lacking))
    conclusion = [f"For {GOALS[o.use_case]}: {o.sentence}" for o in report.outcomes]
    parts.append("## Conclusion\n\n" + bullets([*conclusion, *report.notes]))
    return "\n\n".join(parts) + "\n"


def _checkpoints(preset: Preset, report: Report) -> list[str]:
    """Each checkpoint once: what the study calls it, the scheme, and its size."""
    lines: dict[str, None] = {}
    for each in (report, *report.others):
        for candidate in each.study.candidates:
            subject = candidate.newest.subject
            name = preset.names.get(candidate.scheme, candidate.scheme)
            known = "" if name == candidate.scheme else f"{candidate.scheme}, "
            ran = _ran(candidate)
            lines[f"{name} ({known}{size(subject.bytes)}, {subject.format}){ran}"] = None
    return list(lines)


def _ran(candidate: Candidate) -> str:
    """What its layers run, each once, output layers left out: `: nf4 computes in bfloat16`."""
    stored = next((s for s in candidate.stored.values() if s.record.served), None)
    kernels = (stored.record.served or {}).get("kernels") or {} if stored else {}
    names = [n for kind, names in kernels.items() if kind not in HEADS for n in names]
    return f": {', '.join(dict.fromkeys(names))}" if names else ""


def write(preset: Preset, report: Report, output: Path | None) -> None:
    """Print the page, or write it with its pictures next to it.

    A picture that no record has figures for is left out.
    """
    drawn = []
    for metric in preset.pictures if output else ():
        assert output is not None
        with suppress(UserError):
            file = output.with_name(f"{output.stem}-{metric}.png")
            drawn.append((metric.capitalize(), pictures.draw(report, metric, file)))
    for _, file in drawn:
        cli.say(f"wrote {file}")
    write_text(text(preset, report, drawn), output)
