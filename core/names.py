"""Names that come from files: data, checked here before they become parts of paths.

A model's and a scheme's name call folders, logs and rows of tables, and `compression.json`, a
config or a record that says them may be anybody's.
"""

from core.errors import UserError

MOST_BYTES = 100  # two names, a run's id and a suffix fit what file systems allow
FILE_BYTES = 255  # of the name of a file or folder
REPLACED = "_"


def checked_name(value: object, what: str, where: object, most: int = MOST_BYTES) -> str:
    """The value, if it is a name. Raises `UserError` that says `where` `what` is none, and why."""
    why = fault(value, most)
    if why is None:
        return str(value)
    raise UserError(f"{where}: {what} is {repr(value)[:MOST_BYTES]}, which is no name: {why}")


def fault(value: object, most: int = MOST_BYTES) -> str | None:
    """What keeps a value from being a name of `most` bytes, as a clause; None for a name."""
    if not isinstance(value, str):
        return "it is no text"
    if not value:
        return "it is empty"
    if not value.isprintable():
        return "it holds characters that cannot be shown"
    if "/" in value or "\\" in value:
        return "it holds / or \\"
    if value in (".", ".."):
        return "it means a folder, whatever that is called"
    if value.startswith("-"):
        return "it begins with -, as an option does"
    if value != value.strip():
        return "it begins or ends with a space"
    if len(value.encode()) > most:
        return f"it is longer than {most} bytes"
    return None


def as_name(text: str) -> str:
    """Text of others' files as a name: what a name may not hold is `_`, and the rest is cut off."""
    allowed = [c if c.isprintable() and c not in "/\\" else REPLACED for c in text.strip()]
    name = "".join(allowed).encode()[:MOST_BYTES].decode(errors="ignore").strip()
    return name if fault(name) is None else f"{REPLACED}{name[1:]}"
