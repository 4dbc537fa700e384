"""The measure contract: one thing measured on a loaded engine.

A measure file (`measures/batch.py`) exports one `MEASURE`. Measuring and computing are apart: `run`
returns raw values as plain data, `figures` is a pure function of them, so that a figure invented
later works on records made before.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from core.engine import Description, Engine, Options, Sampling, TokenIds
from core.stats import Estimate

Raw = dict[str, Any]
OPEN_SIZE = 0  # a `batch_size` that is not chosen yet


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What one figure of a measure is, and how reports show it.

    `better` says which direction is. `title` heads its column in tables (empty: it stands among a
    scheme's details alone), and `shown_in` is the unit it has everywhere ("ms", "%"; empty: its
    own). `in_summary` puts it into the one table that commands print; with `of_base` a column of
    its share of the base's follows. `chart` is the title of its panel in charts, which may hold the
    load ("{}"; empty: none), and whose bars begin at 0 unless `from_zero` is off. `says_of_base` is
    off for figures that compare with the base: it gets no bar.

    `change` says how its values in two runs are compared: "timed" ones by their repeats, "counted"
    ones as they are, "single" ones (one value a run) by what earlier runs differ, "shown" ones are
    not tested, and "none" are left out.
    """

    unit: str
    better: Literal["lower", "higher", "none"]
    title: str = ""
    shown_in: str = ""
    in_summary: bool = False
    of_base: bool = False
    chart: str = ""
    from_zero: bool = True
    says_of_base: bool = True
    change: Literal["timed", "counted", "single", "shown", "none"] = "none"


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
    A measure calls `tick(done, total)` whenever it got on, without numbers where it knows none:
    without it for long it is taken for hanging. Files it leaves next to its record go to `output`.
    """

    engine: Engine
    description: Description
    timing: dict[str, float | None]
    checkpoint_bytes: int
    tick: Callable[..., None] = lambda done=0, total=0: None
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


class Job(NamedTuple):
    """One measure, by name, with its settings (a frozen dataclass) for one checkpoint."""

    measure: str
    settings: Any


@dataclass(frozen=True, kw_only=True)
class ServedBase:
    """What a measure's settings may depend on except its options: the base and how it is served.

    `path` is its folder, `fingerprint` that of its weights; `context_length` is the longest request
    in tokens, of `options` or of the model.
    """

    path: Path
    fingerprint: str
    context_length: int
    engine: str
    options: Options


Values = dict[str, float]  # figures of one scheme by name
Paired = float | tuple[float, float | None, float | None]  # a value, or with its interval's ends
TaskScores = dict[str, tuple[list[float], list[float]]]  # task: the base's and a checkpoint's


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How reports show a measure, in addition to what its `Quantity`s say of each figure.

    Measures are in the order of `place` and called `title`; measures of one title share its heading
    and charts, and quality measures without one share a table. `note` makes a line below the table
    of the machine and the figures of each scheme. Where `load` is given, this is speed at a load,
    in words that may hold the variant ("{} users"; `load_of_one` where that is 1), and `step` names
    the seconds of one step of the model there. Of two schemes the `headline` figure is compared,
    which history calls `headline_title` (may hold the load, "{}"). `doing` says what is done while
    it runs. `derive` makes figures that follow from settings and others. `own_columns` gives
    figures that no `Quantity` declares a column too.

    `observe` says in sentences what figures of the base and of each compressed scheme show.
    `warnings` are what a reader must know of raw values, `cut` what was cut of each task,
    `answers` are generated texts to show next to the base's, to the `prompts` that settings hold,
    `available` the documents there are of
    each task, `dataset` the public data that settings name, for which model cards carry the
    headline figure (empty: none).
    """

    place: int = 100
    title: str = ""
    note: Callable[[dict[str, Any], list[Values]], str] = lambda machine, figures: ""
    load: str = ""
    load_of_one: str = ""
    step: str = ""
    headline: str = ""
    headline_title: str = ""
    doing: str = ""
    derive: Callable[[dict[str, Any], Values], Values] = lambda settings, figures: {}
    own_columns: bool = False
    observe: Callable[[Values, dict[str, Values]], list[str]] = lambda base, compressed: []
    warnings: Callable[[Raw], list[str]] = lambda raw: []
    cut: Callable[[Raw], dict[str, str]] = lambda raw: {}
    answers: Callable[[Raw], list[str]] | None = None
    prompts: Callable[[dict[str, Any]], list[str]] = lambda settings: []
    available: Callable[[Raw], dict[str, int]] = lambda raw: {}
    dataset: Callable[[dict[str, Any]], str] = lambda settings: ""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure: how it is asked for and run, what it says, how it is shown and compared.

    `run` takes the loaded engine and a job's settings; `figures` computes with what it returns.
    `quantities` are those of the figures; figures named by what was measured get theirs from
    `quantities_of`. `modules` are imported once for all checkpoints, before the first is loaded.

    `options` is its group of command-line options (a frozen dataclass, see `core.options`), of
    which `plan` makes the settings of its jobs once for all checkpoints; it raises `UserError` for
    what cannot be measured. `settings_for` fits them to one checkpoint, which may be the base. A
    measure without `options` is asked for by name alone. `varies` is the setting that tells its
    jobs apart (a batch's size). `when` is its place on a load among measures of its kind.

    `compare` pairs raw values with the base's: figures of `paired`. `scores` gives scores between 0
    and 1 of the same documents, by which quality is judged; figures of such a measure are called
    `TASK/METRIC`. Both raise `UserError` where the two cannot be paired. `raw_types` are the types
    of raw lists by name, all of one length: records with others are refused when they are read.
    `reusable` tells whether a record with these settings may be used again. `counted`: its figures
    are counted rather than timed: other runs' may be compared (see `comparing.context`). `merge`
    makes one of the raw values that records of one context have, oldest first; without it the one
    that was `asked` most counts, of equals the newest.
    """

    summary: str
    kind: Literal["performance", "quality"]
    run: Callable[[Loaded, Any], Raw]
    figures: Callable[[Raw], dict[str, Estimate]]
    quantities: dict[str, Quantity]
    quantities_of: Callable[[Raw], dict[str, Quantity]] = lambda raw: {}
    modules: tuple[str, ...] = ()
    options: type[Any] | None = None
    plan: Callable[[Any, ServedBase], list[Any]] = lambda options, base: []
    settings_for: Callable[[Any, ServedBase, bool], Any] = lambda settings, base, is_base: settings
    varies: str = ""
    when: Literal["first", "between", "last"] = "between"
    shown: Shown = field(default_factory=Shown)
    paired: dict[str, Quantity] = field(default_factory=dict)
    compare: Callable[[Raw, Raw], dict[str, Paired]] = lambda base, compressed: {}
    scores: Callable[[Raw, Raw], TaskScores] | None = None
    raw_types: dict[str, Any] = field(default_factory=dict)
    reusable: Callable[[Any], bool] = lambda settings: True
    counted: bool = False
    merge: Callable[[list[Raw]], Raw] | None = None
    asked: Callable[[dict[str, Any]], float] = lambda settings: 1.0

    def variant(self, settings: dict[str, Any]) -> int | None:
        """Which of the measure's jobs has these settings; None where there is only one."""
        return settings.get(self.varies) if self.varies else None
