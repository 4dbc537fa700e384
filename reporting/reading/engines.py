"""What only an engine knows of its records: its class, by name; defaults for unknown ones."""

from core import plugins
from core.engine import Engine
from core.records import Record


def of(record: Record) -> type[Engine]:
    """The engine a record was made with."""
    return named(record.engine)


def named(name: str) -> type[Engine]:
    """An engine by name; the bare contract where it has no plug-in here."""
    return plugins.load("engines", name) if name in plugins.names("engines") else Engine
