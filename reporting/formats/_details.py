"""The page's drill-down: everything known about one scheme, opened when asked for."""

from functools import partial
from typing import Any

from core.records import Record
from core.words import size, value_text
from reporting.contents import checkpoints
from reporting.deciding.candidate import Candidate
from reporting.deciding.commands import elsewhere, folder, serve_command
from reporting.deciding.study import Study
from reporting.formats._answers import answers
from reporting.formats._markup import Markup, element
from reporting.reading import measures

MOST_REQUESTS = 60  # rows of raw requests shown per measure
WIDE = 60  # characters of a fact that gets a line of its own
LONGEST = 400  # characters of a list that is shown whole


def schemes(study: Study) -> list[Markup]:
    """One collapsed block a scheme."""
    return [_scheme(study, candidate) for candidate in study.candidates]


def _scheme(study: Study, candidate: Candidate) -> Markup:
    record = candidate.newest
    summary = element("summary", element("strong", candidate.scheme), f" {_state(candidate)}")
    parts = [
        *_block("Checkpoint", _pairs(_checkpoint(record))),
        *_block("How it was compressed", _pairs(_compression(record))),
        *_block("What is inside", *_inside(candidate)),
        *_block("What was served", _pairs(_served(candidate))),
        *_block("Settings", _pairs(record.options), *_settings(candidate)),
        *_block("Command", _code(" ".join(map(elsewhere, record.command)))),
        *_block("Every figure and repeat", _figures(candidate)),
        *_block("Single requests", *_requests(candidate)),
        *_block("Answers", *answers(study, candidate)),
    ]
    return element("details", summary, element("div", *parts, class_="inside"), class_="scheme")


def _block(title: str, *children: Markup) -> list[Markup]:
    return [element("h3", title), *children] if any(children) else []


def _state(candidate: Candidate) -> str:
    problems = {p for key in candidate.performance if (p := candidate.problem(key))}
    if problems:
        sentences = (p.removeprefix(f"{candidate.scheme} is ") for p in sorted(problems))
        return f"({'; '.join(sentences)})"
    return f"({size(candidate.newest.subject.bytes)}, {candidate.newest.subject.format})"


def _checkpoint(record: Record) -> dict[str, Any]:
    subject = record.subject
    return {
        "folder": folder(record),
        "format": subject.format,
        "on disk": size(subject.bytes),
        "fingerprint": subject.fingerprint,
        "hub revision": subject.revision,
        "bits per weight": subject.manifest.get("bits_per_weight"),
        "measured": f"{record.started[:19].replace('T', ' ')} UTC",
        "run": record.run_id,
    }


def _compression(record: Record) -> dict[str, Any]:
    """The manifest's facts that say how; paths of the machine it was made on are left out."""
    manifest = record.subject.manifest
    base = manifest.get("base")
    facts = {
        name: manifest.get(name)
        for name in ("recipe", "settings", "calibration", "phases", "layers", "ignored", "wall_s")
    }
    if isinstance(base, dict):
        facts["base fingerprint"] = base.get("fingerprint")
    peak = (manifest.get("peak_memory_bytes") or {}).get("main")
    return {**facts, "peak memory": size(peak) if peak else None}


def _served(candidate: Candidate) -> dict[str, Any]:
    names = (
        "engine",
        "version",
        "quantization",
        "dtype",
        "attention",
        "kv_cache_dtype",
        "kernels",
        "max_model_len",
        "arguments",
        "process",
    )
    facts = {name: candidate.served.get(name) for name in names}
    return {**facts, "command": serve_command(candidate)} if candidate.served else {}


def _inside(candidate: Candidate) -> list[Markup]:
    """The newest analysis: findings, kinds of layers, bytes by dtype, layers against the base."""
    result = checkpoints.inside(candidate)
    if not result:
        return []
    kinds = _table(
        f"Layers of {candidate.scheme}",
        ("layers", "stored as", "number", "bits/weight", "size"),
        checkpoints.kind_rows(result),
    )
    sizes = (result.get("overview") or {}).get("bytes_by_dtype") or {}
    rows = checkpoints.layer_rows(result)
    layers = _table(
        f"{candidate.scheme} against its base", ("layer", "SQNR dB", "relative error"), rows
    )
    if len(rows) > MOST_REQUESTS:
        layers = _fold(f"{len(rows)} layers against the base", layers)
    dtypes = _pairs({dtype: size(number) for dtype, number in sizes.items()})
    return [_findings(result), dtypes, kinds, layers]


def _findings(result: dict[str, Any]) -> Markup:
    """The verdict, and every finding as a line of text."""
    findings = result.get("findings") or []
    lines = [
        f"{finding.get('module') or ''}: {finding.get('reason')}".removeprefix(": ")
        for finding in findings
    ]
    verdict = element("p", f"{checkpoints.verdict(result)}".capitalize() + ".")
    listed = element("ul", *(element("li", text) for text in lines)) if lines else ""
    return element("div", verdict, listed)


def _settings(candidate: Candidate) -> list[Markup]:
    """Each measure's own settings, folded: they differ from measure to measure."""
    settings = {key: _pairs(stored.record.settings) for key, stored in candidate.stored.items()}
    return [_fold(key, pairs) for key, pairs in settings.items() if pairs]


def _pairs(facts: dict[str, Any]) -> Markup:
    rows = [
        (name.replace("_", " "), text) for name, value in facts.items() if (text := _text(value))
    ]
    items = [
        element(
            "div",
            element("dt", name),
            element("dd", text),
            class_="wide" if len(text) > WIDE else None,
        )
        for name, text in rows
    ]
    return element("dl", *items) if items else Markup("")


def _text(value: Any) -> str:
    """A fact as words: mappings as `name value, ...`, lists as `value; ...`, short numbers."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(inner) or '-'}" for name, inner in value.items())
    if isinstance(value, list):
        text = "; ".join(map(_text, value))
        return text if len(text) <= LONGEST else f"{len(value)} of them, in the record"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _code(text: str) -> Markup:
    return element("pre", element("code", text), tabindex="0")


def _figures(candidate: Candidate) -> Markup:
    heads = ("measure", "figure", "value", "95 % interval", "stability", "values")
    rows = []
    for key, stored in candidate.stored.items():
        for name, figure in stored.record.figures.items():
            words = partial(value_text, unit=figure.unit, shown_in=measures.shown_in(key, name))
            ends = [words(end) for end in (figure.low, figure.high) if end is not None]
            repeats = ", ".join(words(value) for value in figure.values)
            interval, stability = " to ".join(ends), figure.stability or ""
            rows.append([key, name, words(figure.value), interval, stability, repeats])
    return _table(f"Figures of {candidate.scheme}", heads, rows)


def _table(caption: str, heads: tuple[str, ...], rows: list[list[str]]) -> Markup:
    if not rows:
        return Markup("")
    head = element("tr", *(element("th", name, scope="col") for name in heads))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    drawn = element(
        "table", element("caption", caption), element("thead", head), element("tbody", *body)
    )
    return element("div", drawn, class_="frame", tabindex="0", role="region", aria_label=caption)


def _requests(candidate: Candidate) -> list[Markup]:
    """Raw rows of the timed measures, the first of each."""
    tables = []
    for key, stored in candidate.performance.items():
        raw = stored.raw() if stored.record.status == "ok" else {}
        columns, repeats = raw.get("columns"), raw.get("repeats")
        if not columns or not repeats:
            continue
        rows = [
            [str(number + 1), *(f"{value:.6g}" for value in row)]
            for number, repeat in enumerate(repeats)
            for row in repeat
        ]
        tables.append(
            _fold(
                f"{key}: {len(rows)} requests, the first {min(len(rows), MOST_REQUESTS)} shown",
                _table(f"{candidate.scheme}, {key}", ("repeat", *columns), rows[:MOST_REQUESTS]),
            )
        )
    return tables


def _fold(title: str, *children: Markup) -> Markup:
    return element("details", element("summary", title), *children)
