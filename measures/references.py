"""Generated answers against references: ROUGE-L, BLEU, chrF, and metrics of one's own.

A metric of one's own is a Python file with `score(generated, reference)`, a number per answer.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from core.engine import Sampling
from core.errors import UserError
from core.measure import Loaded, Measure, Raw, Unit
from core.stats import Estimate, estimate, mean_of
from measures._answers import refuse_empty
from quality.questions import Prompts, digest

OURS = ("rouge_l", "bleu", "chrf")
CHUNK = 256
Score = Callable[[str, str], float]


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
    except Exception as problem:  # anything the user's file raises
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
        except Exception as problem:  # anything the user's code raises
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
        loaded.tick()
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


MEASURE = Measure(
    summary="generated answers against references",
    kind="quality",
    units={
        "rouge_l": Unit(unit="fraction", better="higher"),
        "bleu": Unit(unit="1", better="higher"),
        "chrf": Unit(unit="1", better="higher"),
    },
    run=run,
    figures=figures,
    units_of=lambda raw: {name: Unit(unit="1", better="higher") for name in raw["scores"]},
    modules=("rouge_score.rouge_scorer", "sacrebleu"),
)
