"""What records of quality were asked, as options of score.py that ask it again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core import options
from core.measure import Measure
from core.records import Record
from quality.documents import asked_tasks
from reporting.reading import measures
from reporting.reading.results import Stored

if TYPE_CHECKING:
    from quality.comparison import Quality

NO_TEXT = ["--text", "none"]


def tasks_again(judged: Stored, compared: "Quality | None") -> tuple[list[str], int]:
    """The options that ask the same tasks, and their documents of each (0 is all)."""
    settings = judged.record.settings
    measure = measures.find(judged.record.measure)
    needed = compared.documents_needed if compared else None
    values = dict(settings)
    whole = settings.get("limit", 0) is None
    limit = 0 if whole else max(settings.get("limit", 0), needed or 0)
    values |= {"limit": limit} if whole or limit else {}
    raw = judged.raw()
    names = compared.judged if compared and needed else tuple(asked_tasks(raw)) if raw else ()
    values["tasks"] = ",".join(names or settings.get("names", ())) or None
    group = measure.options if measure else None
    return (options.words(group, values) if group else []), limit


def fewer(judged: Stored, limit: int) -> bool:
    """Whether fewer documents of each task were answered than are to be asked (0 is all)."""
    tasks = (judged.raw().get("tasks") or {}).values()
    counts = [(len(task["documents"]), task.get("available")) for task in tasks]
    return any(have < min(limit or have + 1, there or limit or have) for have, there in counts)


def of_texts(records: Iterable[Record]) -> list[tuple[Measure, Record]]:
    """The records of a text with their measures."""
    known = [(measures.find(record.measure), record) for record in records]
    return [(m, record) for m, record in known if m and hasattr(m.options, "text")]


def texts_again(asked: Iterable[tuple[Measure, Record]], usual: str) -> list[str]:
    """The options that ask for the same texts; `usual` is the one read where none is named."""
    values: dict[str, object] = {}
    groups = []
    for measure, record in asked:
        text = record.settings.get("text") or record.settings
        known = {name: text[name] for name in ("window", "stride", "tokens") if name in text}
        values |= {"window": known.get("window"), f"{record.measure}_tokens": known.get("tokens")}
        if known.get("stride") not in (None, known.get("window", 0) - 1):
            values["stride"] = known["stride"]
        if text.get("source") not in (None, usual):
            values["text"] = text["source"]
        groups.append(measure.options)
    words: dict[str, str] = {}
    for group in groups:
        said = options.words(group, values) if group else []
        words |= dict(zip(said[::2], said[1::2], strict=True))
    return [word for pair in words.items() for word in pair]
