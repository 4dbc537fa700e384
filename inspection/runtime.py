"""What really runs: load a checkpoint in the engine, look at its layers, let it answer."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core import cli
from core.engine import Options
from core.measure import Job
from measures.answers import Questions
from running import server, session
from running.session import Session

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
    questions: Questions | None = None,
    tell: cli.Tell = lambda step, done, total: None,
    decompressed: bool = False,
) -> Runtime:
    """Load a checkpoint, `decompressed` where it is to be, and ask it questions in a clean child.

    Failures are in the result, never raised. Kernels that are a fallback are let pass.
    """
    job = Job("answers", questions or Questions())
    server.prepare((engine,), [job.measure], log.parent, (), tell)
    load = Session(
        path=path,
        engine=engine,
        options=options,
        jobs=[job],
        allow_fallback=True,
        decompressed=decompressed,
    )
    result = session.run(load, log, tell, TIMEOUT_S)
    outcome = result.of(job)
    return Runtime(
        served=result.description,
        answers=(outcome.raw or {}).get("answers", []),
        failed=outcome.reason or result.reason,
    )


def agreement(runtime: Runtime, base: Runtime) -> float | None:
    """Share of the base's tokens that come out the same before the first difference."""
    pairs = [
        (answer["token_ids"], base_answer["token_ids"])
        for answer, base_answer in zip(runtime.answers, base.answers, strict=False)
    ]
    total = sum(max(len(ids), len(base_ids)) for ids, base_ids in pairs)
    return sum(_common(*pair) for pair in pairs) / total if total else None


def _common(ids: list[int], base_ids: list[int]) -> int:
    """How many tokens are the same from the start."""
    pairs = zip(ids, base_ids, strict=False)
    shorter = min(len(ids), len(base_ids))
    return next((n for n, (first, second) in enumerate(pairs) if first != second), shorter)
