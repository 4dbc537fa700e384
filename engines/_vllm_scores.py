"""Log-probabilities from vLLM: of the tokens themselves, and of whole distributions.

The tokens' own come through vLLM's interface. Distributions do not: it gives each checkpoint its
own likeliest tokens, where a divergence needs both checkpoints' values for the same ones, and makes
Python objects of each. So the model's `compute_logits`, which every runner of vLLM calls, is
wrapped, and only the wanted values leave the worker, as arrays.
"""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.engine import Scores, TokenIds
from engines._logits import Picked, picked

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from vllm import LLM


def token_scores(llm: "LLM", sequences: list[TokenIds]) -> list[Scores]:
    """All sequences at once. A rank of 1 means that no other token was as likely.

    In eager mode the counting of ranks is not compiled either: that takes seconds in every process.
    """
    import numpy as np
    import torch
    from vllm import SamplingParams

    wanted = SamplingParams(
        max_tokens=1, temperature=0.0, prompt_logprobs=0, flat_logprobs=True, detokenize=False
    )
    inputs = [{"prompt_token_ids": sequence} for sequence in sequences]
    eager = llm.llm_engine.vllm_config.model_config.enforce_eager
    with torch.compiler.set_stance("force_eager" if eager else "default"):
        answers = llm.generate(inputs, wanted, use_tqdm=False)
    return [
        Scores(
            logprobs=np.asarray(answer.prompt_logprobs.logprobs, np.float32),
            greedy=np.asarray(answer.prompt_logprobs.ranks) == 1,
        )
        for answer in answers
    ]


def distribution(llm: "LLM", sequence: TokenIds, top_k: int, at: "NDArray[Any] | None") -> Scores:
    """One sequence, its logits captured in the worker.

    Raises RuntimeError when they are not those from which vLLM scores the sequence's tokens.
    """
    import numpy as np

    tokens = np.asarray(sequence[1:])[:, None]
    columns = tokens if at is None else np.concatenate([tokens, at], axis=1)
    llm.apply_model(functools.partial(_listen, top_k=top_k, columns=columns))
    try:
        scores = token_scores(llm, [sequence])[0]
    finally:
        heard = next((collected for collected in llm.apply_model(_collect) if collected), None)
    if heard is None:
        raise RuntimeError("no logits were heard: a sequence needs three tokens")
    if len(heard["at"]) < len(tokens):
        raise RuntimeError(f"{len(heard['at'])} of {len(tokens)} places were heard")
    top_ids, top, own = (heard[name][: len(tokens)] for name in ("top_ids", "top", "at"))
    if not np.allclose(own[:, 0], scores.logprobs, atol=1e-3, equal_nan=True):
        raise RuntimeError("the logits that were heard are not those of the sequence")
    return Scores(
        logprobs=own[:, 0],
        greedy=scores.greedy,
        top_ids=top_ids,
        top_logprobs=top,
        at_logprobs=None if at is None else own[:, 1:],
    )


@dataclass
class _Heard:
    """What a model has computed since `_listen`: rows of logits in parts, in order."""

    top_k: int
    columns: "NDArray[Any]"
    rows: int = 0
    parts: list[Picked] = field(default_factory=list)

    def take(self, logits: "torch.Tensor") -> None:
        import torch

        columns = torch.as_tensor(self.columns[self.rows : self.rows + len(logits)])
        # a runner may compute the place after the last token too
        if len(columns):
            self.parts += picked(logits[: len(columns)], columns, self.top_k)
        self.rows += len(columns)


def _listen(model: "torch.nn.Module", top_k: int, columns: "NDArray[Any]") -> None:
    """In the worker: capture logits of more than one place (a single one is the next token's)."""
    heard, compute = _Heard(top_k, columns), model.compute_logits

    @functools.wraps(compute)
    def computing(*arguments: Any, **options: Any) -> Any:
        logits = compute(*arguments, **options)
        if logits is not None and len(logits) > 1:
            heard.take(logits)
        return logits

    model.compute_logits = computing
    model.heard = heard


def _collect(model: "torch.nn.Module") -> dict[str, "NDArray[Any]"] | None:
    """In the worker: undo `_listen`; the captured arrays, None where there are none."""
    import torch

    heard = model.heard
    del model.compute_logits, model.heard
    if not heard.parts:
        return None
    whole = [torch.cat(part).numpy() for part in zip(*heard.parts, strict=True)]
    return dict(zip(("top_ids", "top", "at"), whole, strict=True))
