"""What a checkpoint answers: a few prompts, answered greedily and shown, not scored."""

from dataclasses import dataclass

from core.engine import Sampling
from core.measure import Loaded, Measure, Raw, Shown
from core.stats import Estimate

PROMPTS = (
    "What can I do to keep bread fresh?",
    "Jack has 3 boxes with 12 apples in each. How many apples does Jack have?",
    "Tell me about the capital of France.",
)


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Prompts, sent as chats where the model has a template, or as they are (`verbatim`)."""

    prompts: tuple[str, ...] = PROMPTS
    max_new_tokens: int = 24
    verbatim: bool = False


def run(loaded: Loaded, settings: Questions) -> Raw:
    """`answers`: a prompt, the text and the token ids of its answer each."""
    engine = loaded.engine
    encode = engine.encode if settings.verbatim else engine.encode_chat
    sampling = Sampling(max_new_tokens=settings.max_new_tokens, ignore_eos=False)
    completions = engine.generate([encode(prompt) for prompt in settings.prompts], sampling)
    return {
        "answers": [
            {
                "prompt": prompt,
                "text": engine.decode(completion.token_ids),
                "token_ids": completion.token_ids,
            }
            for prompt, completion in zip(settings.prompts, completions, strict=True)
        ]
    }


def figures(raw: Raw) -> dict[str, Estimate]:
    """None: answers are read."""
    return {}


MEASURE = Measure(
    summary="answers to a few prompts, shown and not scored",
    kind="quality",
    quantities={},
    run=run,
    figures=figures,
    shown=Shown(
        doing="answering",
        answers=lambda raw: [answer["text"] for answer in raw["answers"]],
    ),
)
