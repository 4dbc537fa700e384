"""Generated answers against references: ROUGE-L, BLEU, chrF, and the user's own metrics.

A metric of the user's is a Python file with `score(generated, reference)`, a number per answer.
"""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from checkpoints import models
from core.engine import Sampling
from core.errors import UserError
from core.measure import Loaded, Measure, Paired, Quantity, Raw, ServedBase, Shown
from core.options import option
from core.stats import Estimate, estimate, mean_of
from measures._answers import refuse_empty
from measures._windows import digest, read_entries

OURS = ("rouge_l", "bleu", "chrf")
CHUNK = 256
Score = Callable[[str, str], float]


@dataclass(frozen=True, kw_only=True)
class PromptOptions:
    """Prompts with reference answers, and how they are answered and scored."""

    prompts_file: Annotated[
        Path | None, option('JSON list of {"prompt": ..., "reference": ...}')
    ] = None
    metric: Annotated[
        tuple[Path, ...], option("a Python file with score(generated, reference)")
    ] = ()
    max_new_tokens: Annotated[int, option("tokens of an answer at the most", min=1)] = 128


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Prompts with their reference answers, answered greedily, and the user's metrics (files).

    With `chat` a prompt is a user message where the model has a chat template. `metric_digests` are
    those of the metrics' files; `digest` is that of prompts, references and these: answers with
    another are answers to another question, wherever the files lay.
    """

    pairs: tuple[tuple[str, str], ...]
    digest: str = ""
    max_new_tokens: int = PromptOptions.max_new_tokens
    chat: bool = True
    metrics: tuple[str, ...] = ()
    metric_digests: tuple[str, ...] = ()


def plan(options: PromptOptions, base: ServedBase) -> list[Prompts]:
    """One job, none without prompts. Raises `UserError` for files that cannot be used."""
    pairs = read_pairs(options.prompts_file) if options.prompts_file else ()
    check_metrics(options.metric, bool(pairs))
    if not pairs:
        return []
    models.refuse_random_weights(base.path)
    metrics = {path.stem: digest(path.read_bytes()) for path in options.metric}
    return [
        Prompts(
            pairs=pairs,
            digest=digest(json.dumps([pairs, metrics], sort_keys=True).encode()),
            max_new_tokens=options.max_new_tokens,
            metrics=tuple(map(str, options.metric)),
            metric_digests=tuple(metrics.values()),
        )
    ]


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """A JSON list of `{"prompt": ..., "reference": ...}`. Raises `UserError` for anything else."""
    pairs = []
    for number, entry in enumerate(read_entries(path), start=1):
        both = (
            [entry.get(key) for key in ("prompt", "reference")] if isinstance(entry, dict) else []
        )
        texts = [text for text in both if isinstance(text, str) and text.strip()]
        if len(texts) < 2:
            raise UserError(f"{path}: entry {number} wants a `prompt` and a `reference`")
        pairs.append((texts[0], texts[1]))
    if not pairs:
        raise UserError(f'{path}: wants a list of {{"prompt": "...", "reference": "..."}} objects')
    return tuple(pairs)


def load_metric(path: Path) -> Score:
    """`score` of a metric file. Raises `UserError` when there is none or it cannot be imported."""
    if not path.is_file():
        raise UserError(f"--metric {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"metric_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"--metric {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:  # anything the user's file raises
        raise UserError(f"--metric {path}: {type(problem).__name__}: {problem}") from problem
    score = getattr(module, "score", None)
    if not callable(score):
        raise UserError(f"--metric {path}: has no function score(generated, reference)")
    return score  # type: ignore[no-any-return]


def check_metrics(metrics: tuple[Path, ...], prompts: bool) -> None:
    """Raise `UserError` for files that are no metrics, or metrics where there are no `prompts`."""
    if metrics and not prompts:
        raise UserError("--metric scores answers to --prompts_file, which is not given")
    stems = [path.stem for path in metrics]
    taken = [stem for stem in stems if stem in OURS or stems.count(stem) > 1]
    if taken:
        raise UserError(f"--metric {taken[0]}.py: there is a metric of that name already")
    for path in metrics:
        try:
            float(load_metric(path)("an answer", "a reference"))
        except (TypeError, ValueError) as problem:
            raise UserError(f"--metric {path}: score() gives no number ({problem})") from problem
        except (Exception, SystemExit) as problem:  # anything the user's code raises
            raise UserError(f"--metric {path}: {type(problem).__name__}: {problem}") from problem


def run(loaded: Loaded, settings: Prompts) -> Raw:
    """Answer every prompt greedily and score the answers. Raises `Broken` for empty ones."""
    from rouge_score.rouge_scorer import RougeScorer

    engine = loaded.engine
    encode = engine.encode_chat if settings.chat else engine.encode
    prompts = [encode(prompt) for prompt, _ in settings.pairs]
    references = [reference for _, reference in settings.pairs]
    sampling = Sampling(max_new_tokens=settings.max_new_tokens, ignore_eos=False)
    generated: list[str] = []
    for start in range(0, len(prompts), CHUNK):
        answers = engine.generate(prompts[start : start + CHUNK], sampling)
        generated += [engine.decode(answer.token_ids).strip() for answer in answers]
        loaded.tick(len(generated), len(prompts))
    empty = sum(not text for text in generated)
    refuse_empty(empty, len(generated))
    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    scores = {
        "rouge_l": [
            rouge.score(reference, text)["rougeL"].fmeasure
            for text, reference in zip(generated, references, strict=True)
        ]
    }
    for path in settings.metrics:
        own = load_metric(Path(path))
        scores[Path(path).stem] = [
            float(own(text, reference))
            for text, reference in zip(generated, references, strict=True)
        ]
    return {
        "documents": [
            digest(f"{prompt}\0{reference}".encode()) for prompt, reference in settings.pairs
        ],
        "generated": generated,
        "references": references,
        "empty": empty,
        "scores": scores,
    }


def figures(raw: Raw) -> dict[str, Estimate]:
    """BLEU and chrF over all answers (sacrebleu, 0..100), the others as means over answers."""
    from sacrebleu import corpus_bleu, corpus_chrf

    references = [raw["references"]]
    return {
        "bleu": estimate([corpus_bleu(raw["generated"], references).score]),
        "chrf": estimate([corpus_chrf(raw["generated"], references).score]),
        **{name: mean_of(scores) for name, scores in raw["scores"].items()},
    }


def compare(base: Raw, compressed: Raw) -> dict[str, Paired]:
    """The share of answers that are the base's, word for word."""
    if base["documents"] != compressed["documents"]:
        return {}
    pairs = zip(base["generated"], compressed["generated"], strict=True)
    same = [first == second for first, second in pairs]
    return {"same_answers": sum(same) / len(same)}


MEASURE = Measure(
    summary="generated answers against references",
    kind="quality",
    quantities={
        "rouge_l": Quantity(
            unit="fraction",
            better="higher",
            title="ROUGE-L",
            in_summary=True,
            chart="ROUGE-L",
            from_zero=False,
            change="shown",
        ),
        "bleu": Quantity(
            unit="1", better="higher", title="BLEU", chart="BLEU", from_zero=False, change="shown"
        ),
        "chrf": Quantity(unit="1", better="higher", title="chrF", change="shown"),
    },
    run=run,
    figures=figures,
    quantities_of=lambda raw: {
        name: Quantity(unit="1", better="higher", change="shown") for name in raw["scores"]
    },
    modules=("rouge_score.rouge_scorer", "sacrebleu"),
    options=PromptOptions,
    plan=plan,
    paired={
        "same_answers": Quantity(
            unit="fraction", better="higher", title="same answer as BASE", shown_in="%"
        )
    },
    compare=compare,
    asked=lambda settings: len(settings.get("pairs", ())),
    raw_types={"documents": list[str], "generated": list[str]},
    shown=Shown(
        doing="scoring answers",
        place=13,
        headline="rouge_l",
        headline_title="ROUGE-L",
        own_columns=True,
        answers=lambda raw: raw["generated"],
        prompts=lambda settings: [prompt for prompt, _ in settings.get("pairs", ())],
    ),
)
