"""HTML elements built in code: every text is escaped, so nothing from a record can be markup."""

import html

from core import cli


class Markup(str):
    """Text that is HTML already. Only `element` and `raw` make it."""

    __slots__ = ()


def raw(text: str) -> Markup:
    """Vouch for HTML that holds nothing from a record."""
    return Markup(text)


def escape(text: str) -> str:
    """Text as HTML shows it; what is not printable is escaped as on a terminal."""
    return html.escape(cli.printable(text))


def element(tag: str, *children: str, **attributes: str | bool | None) -> Markup:
    """`<tag ...>children</tag>`; children that are not `Markup` are escaped.

    Attributes: `_` becomes `-`, a trailing `_` is dropped (`class_`), False and None are left out.
    """
    pairs = []
    for name, value in attributes.items():
        key = name.rstrip("_").replace("_", "-")
        if value is True:
            pairs.append(f" {key}")
        elif value not in (None, False):
            pairs.append(f' {key}="{escape(str(value))}"')
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{tag}{''.join(pairs)}>{inner}</{tag}>")


def together(*parts: str) -> Markup:
    """Several pieces after each other, texts escaped."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))
