"""Log-probabilities from logits: of the likeliest tokens and of those asked for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROWS = 256  # of logits that are made float32 at once

Picked = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


def picked(logits: "torch.Tensor", columns: "torch.Tensor", top_k: int) -> Iterator[Picked]:
    """Ids and log-probabilities of the `top_k` likeliest tokens, and those of `columns`, in parts.

    `logits` are [rows, vocabulary], `columns` token ids [rows, any]. Every part is on the CPU, its
    log-probabilities natural ones from the logits in float32.
    """
    import torch

    for part, wanted in zip(logits.split(ROWS), columns.split(ROWS), strict=True):
        logprobs = torch.log_softmax(part.float(), dim=-1)
        top = logprobs.topk(min(top_k, logprobs.shape[-1]), dim=-1)
        own = logprobs.gather(-1, wanted.to(logprobs.device))
        yield top.indices.int().cpu(), top.values.cpu(), own.cpu()
