"""The measure contract: one thing measured on a loaded engine.

A measure file (`measures/batch.py`) exports one `MEASURE`. Measuring and reckoning are apart: `run`
returns raw values as plain data, `figures` is a pure function of them, so that a figure invented
later works on records made before.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.engine import Description, Engine, Sampling, TokenIds
from core.stats import Estimate

Raw = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The unit of a figure, and which direction is better ("none": neither)."""

    unit: str
    better: Literal["lower", "higher", "none"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The load every checkpoint gets: as many requests, tokens in and out, and repeats.

    Prompts are token ids drawn by `seed`, no two alike, unless `texts` gives prompts of one's own,
    which then repeat (prefix caching is off, so a repeated prompt is computed again).
    """

    requests: int = 5
    batch_size: int = 5
    prompt_tokens: int = 128
    max_new_tokens: int = 128
    repeats: int = 3
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    texts: tuple[str, ...] = ()

    @property
    def sampling(self) -> Sampling:
        """Exactly `max_new_tokens`, end of sequence ignored."""
        return Sampling(
            max_new_tokens=self.max_new_tokens, temperature=self.temperature, top_p=self.top_p
        )


@dataclass
class Loaded:
    """A loaded engine and what is known about its load; measures read it and draw prompts from it.

    `memory` holds bytes sampled at stages of the session ("idle", "loaded", after each measure).
    A measure calls `tick` whenever it got on: without it for long it is taken for hanging. Files it
    leaves beside its record go to `output`.
    """

    engine: Engine
    description: Description
    timing: dict[str, float | None]
    checkpoint_bytes: int
    tick: Callable[[], None] = lambda: None
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    output: Path = Path()
    drawn: int = 0

    def prompts(self, count: int, workload: Workload) -> list[TokenIds]:
        """`count` prompts never handed out before in this session (or the given texts, in turn)."""
        if workload.texts:
            ids = [self.engine.encode(text) for text in workload.texts]
            return [ids[n % len(ids)] for n in range(count)]
        vocabulary = self.engine.vocabulary
        chosen = []
        for _ in range(count):
            rng = random.Random(f"{workload.seed}:{self.drawn}")
            chosen.append(rng.choices(vocabulary, k=workload.prompt_tokens))
            self.drawn += 1
        return chosen


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure: its data, how it is run and what it says.

    `run` takes the loaded engine and the measure's own settings (a frozen dataclass). `units` are
    those of its figures; figures named by what was measured get theirs from `units_of`. `modules`
    are imported once for all checkpoints, before the first is loaded.
    """

    summary: str
    kind: Literal["performance", "quality"]
    units: dict[str, Unit]
    run: Callable[[Loaded, Any], Raw]
    figures: Callable[[Raw], dict[str, Estimate]]
    units_of: Callable[[Raw], dict[str, Unit]] = lambda raw: {}
    modules: tuple[str, ...] = ()
