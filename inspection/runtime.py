"""What really runs: load a checkpoint in the engine, look at its layers, let it answer.

The engine runs in a clean child (`running.child`); what it says about itself is compared with what
the checkpoint declares, and its answers with the base's.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from checkpoints import checkpoint
from core import plugins
from core.engine import Options, Sampling
from running import child, session

PROMPTS = (
    "What can I do to keep bread fresh?",
    "Jack has 3 boxes with 12 apples in each. How many apples does Jack have?",
    "Tell me about the capital of France.",
)
TIMEOUT_S = 1800.0


@dataclass(kw_only=True)
class Runtime:
    """What the engine says it serves, answers by prompt, and why it failed if it did."""

    served: dict[str, Any] | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)
    failed: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def run(
    path: Path,
    engine: str,
    options: Options,
    log: Path,
    prompts: tuple[str, ...] = PROMPTS,
    max_new_tokens: int = 24,
    raw: bool = False,
) -> Runtime:
    """Load and ask in a clean child, as chats unless `raw`.

    Failures are in the result, never raised.
    """
    found = Runtime()

    def on_event(event: tuple[str, Any]) -> None:
        if event[0] == "loaded":
            found.served = event[1]
        else:
            found.answers.append(event[1])

    session.prepare(engine, [], log.parent)
    arguments = (str(path), engine, options, prompts, max_new_tokens, raw)
    found.failed = child.run(serve, arguments, log, TIMEOUT_S, on_event)
    return found


def serve(
    emit: child.Emit,
    path: str,
    engine_name: str,
    options: Options,
    prompts: tuple[str, ...],
    max_new_tokens: int,
    raw: bool,
) -> None:
    """The child's side: emits ("loaded", description), then ("answer", ...) for each prompt."""
    files = checkpoint.read(Path(path))
    engine_class = plugins.load("engines", engine_name)
    with engine_class(Path(path), options) as engine:
        description = engine.describe()
        emit(("loaded", asdict(description)))
        encoded = [engine.encode(text) if raw else engine.encode_chat(text) for text in prompts]
        sampling = Sampling(max_new_tokens=max_new_tokens, ignore_eos=False)
        for prompt, completion in zip(prompts, engine.generate(encoded, sampling), strict=True):
            ids = completion.token_ids
            emit(("answer", {"prompt": prompt, "text": engine.decode(ids), "token_ids": ids}))
        session.prove(files, description, allow_fallback=True)


def agreement(mine: Runtime, base: Runtime) -> float | None:
    """Share of the base's tokens that come out the same before the first difference."""
    pairs = list(zip(mine.answers, base.answers, strict=False))
    total = sum(max(len(a["token_ids"]), len(b["token_ids"])) for a, b in pairs)
    same = sum(_common(a["token_ids"], b["token_ids"]) for a, b in pairs)
    return same / total if total else None


def _common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
