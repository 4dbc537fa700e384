"""What only an engine knows of its records: its class, by name; defaults for unknown ones."""

from core import plugins
from core.engine import Engine
from core.records import Record


def of(record: Record) -> type[Engine]:
    """The engine a record was made with; the bare contract where it has no plug-in here."""
    if record.engine not in plugins.names("engines"):
        return Engine
    return plugins.load("engines", record.engine)
