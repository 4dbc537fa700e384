"""What happens in each step of `generate`: when its tokens came, and which answers end with it."""

import time
from typing import Any

from core.engine import Sampling


class Steps:
    """A stopping criterion: `generate` calls it after every step with all tokens [answers, any]."""

    def __init__(self, tokenizer: Any, end_ids: list[int], sampling: Sampling) -> None:
        from transformers.generation.stopping_criteria import EosTokenCriteria, StopStringCriteria

        self.times: list[float] = []  # seconds on the monotonic clock, one a step
        self._ended_at: dict[int, int] = {}  # tokens of the answers that have ended, by row
        self._rows = 0
        self._nobody: Any = None  # has ended, [answers]
        self._ends: list[Any] = []
        if not sampling.ignore_eos:
            self._ends.append(EosTokenCriteria(end_ids))
        if sampling.stop:
            self._ends.append(StopStringCriteria(tokenizer, list(sampling.stop)))

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Which answers are done, [answers]."""
        import torch

        input_ids[:, -1].tolist()  # a GPU's tokens are there only when they have arrived
        self.times.append(time.monotonic())
        if self._rows != len(input_ids):
            self._rows = len(input_ids)
            self._nobody = torch.zeros(self._rows, dtype=torch.bool, device=input_ids.device)
        if not self._ends:
            return self._nobody
        done = self._nobody.clone()
        for end in self._ends:
            done |= end(input_ids, scores, **kwargs).to(done.device)
        for row in done.nonzero().flatten().tolist():
            self._ended_at.setdefault(row, len(self.times))
        done[list(self._ended_at)] = True
        return done

    def lengths(self) -> list[tuple[int, bool]]:
        """Of each answer its tokens, and whether it ended by itself."""
        steps = len(self.times)
        return [(self._ended_at.get(r, steps), r in self._ended_at) for r in range(self._rows)]
