"""Names of layers as quantization configs write them: exact, or `re:` and a regular expression.

Expressions come from untrusted configs, and one like `(a+)+$` would run for years: matching has a
time limit, which is why `regex` does it and not the standard library.
"""

import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.strict_json import Damaged

LIMIT_S = 2.0  # for all modules of a checkpoint together; honest patterns take milliseconds
MAX_LENGTH = 2_000
MAX_PATTERNS = 2_000
MAX_REPEATS = 10_000  # `((a{1000}){1000}){1000}` would be compiled into a gigabyte


@dataclass
class Budget:
    """Seconds spent on matching so far, shared by all patterns of one config."""

    spent_s: float = 0.0


class Patterns:
    """A list of names and `re:` patterns; `match` says whether any fits a module's name.

    Like compressed-tensors', an expression must fit from the beginning of the name.
    """

    def __init__(self, entries: Iterable[str], budget: Budget) -> None:
        self.budget = budget
        self.names = {entry for entry in entries if not entry.startswith("re:")}
        texts = [entry[3:] for entry in entries if entry.startswith("re:")]
        if len(texts) > MAX_PATTERNS or any(len(text) > MAX_LENGTH for text in texts):
            raise Damaged("quantization_config: more or longer patterns than any config has")
        self.expressions = [_compiled(text) for text in texts]

    def match(self, module: str) -> bool:
        """Whether any entry fits. Raises `Damaged` when the patterns take too long."""
        if module in self.names:
            return True
        if not self.expressions:
            return False
        started = time.perf_counter()
        try:
            left = max(LIMIT_S - self.budget.spent_s, 0.001)
            return any(e.match(module, timeout=left) is not None for e in self.expressions)
        except TimeoutError:
            raise Damaged(
                "quantization_config: a pattern takes too long to match a layer's name"
            ) from None
        finally:
            self.budget.spent_s += time.perf_counter() - started


def _compiled(text: str) -> Any:
    import regex

    repeats = [int(n) for pair in re.findall(r"{(\d*),?(\d*)}", text) for n in pair if n]
    if math.prod(n or 1 for n in repeats) > MAX_REPEATS:
        raise Damaged(f"quantization_config: {text[:100]!r} repeats more than any name is long")
    try:
        re.compile(text)  # refuses what only `regex` has, such as recursion
        return regex.compile(text)
    except (re.error, regex.error, RecursionError, OverflowError, MemoryError) as problem:
        why = str(problem)[:100]
        raise Damaged(
            f"quantization_config: {text[:100]!r} is not a regular expression ({why})"
        ) from problem
