"""Chat templates are programs of whoever published a model: what they may cost is bounded."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, entries
from checkpoints.loading import CHAT_TEMPLATES
from core.strict_json import read_bytes
from guarding import bounded

SECONDS = 10
EXTRA_BYTES = 1 << 30
MAX_BYTES = 1 << 20  # the longest published ones have some ten thousand characters
HOLDERS = ("tokenizer_config.json", "chat_template.json", "processor_config.json")
QUESTION = {"role": "user", "content": "What is 2 + 2?"}
PROBES = [
    [QUESTION],
    [{"role": "system", "content": "Be brief."}, QUESTION],
    [QUESTION, {"role": "assistant", "content": "4."}, {"role": "user", "content": "And 3 + 3?"}],
]


def check(folder: Path) -> None:
    """Render short chats with a model's template, under a bound on time and memory.

    A template that refuses a chat is none of our business here. Raises `UserError` for one that
    does not end, wants too much memory, or is a link that leads out of the folder.
    """
    for text in _templates(folder):
        _check(text, folder.name)


def _templates(folder: Path) -> list[str]:
    """The templates of a model's folder, as text: which one is used is up to the library."""
    files = (folder / "chat_template.jinja", *(folder / CHAT_TEMPLATES).glob("*.jinja"))
    texts: list[Any] = [
        read_bytes(entries.inside(folder, file), MAX_BYTES).decode(errors="replace")
        for file in files
        if file.is_file()
    ]
    for name in HOLDERS:
        if (folder / name).is_file():
            held = checkpoint.read_part(folder, name).get("chat_template")
            named = held if isinstance(held, list) else [{"template": held}]
            texts += [entry.get("template") for entry in named if isinstance(entry, dict)]
    return [text for text in texts if isinstance(text, str)]


@cache
def _check(template: str, name: str) -> None:
    # imported here: its seconds are not the template's
    from transformers.utils.chat_template_utils import render_jinja_template

    what = f"the chat template of {name}"
    bounded.within(SECONDS, EXTRA_BYTES, what, _render, render_jinja_template, template)


def _render(render: Callable[..., Any], template: str) -> None:
    """In transformers' own sandbox, as it will be rendered."""
    for probe in PROBES:
        try:
            render([probe], chat_template=template, add_generation_prompt=True)
        except MemoryError:
            raise
        except Exception:  # the probe may not suit it; rendering a real chat says why
            continue
