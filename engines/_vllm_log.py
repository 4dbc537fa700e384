"""How long vLLM's loading took, phase by phase, read from its log: it is nowhere else.

The lines are those of vLLM 0.26.0 and 0.32.0, on CPU and CUDA; the time of graph capture comes in
whole seconds.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# vLLM configures logging anew while it starts, which drops handlers but keeps filters: so these
# loggers are listened to with a filter that lets everything through.
LOGGERS = (
    "vllm.model_executor.model_loader.default_loader",
    "vllm.v1.engine.core",
    "vllm.v1.worker.gpu_model_runner",
    "vllm.v1.worker.gpu.model_runner",
    "vllm.compilation.decorators",
    "vllm.compilation.backends",
)
PHASES = {
    "weights_s": re.compile(r"Loading weights took ([\d.]+) seconds"),
    "compile_s": re.compile(r"compilation: ([\d.]+) s"),
    "graph_capture_s": re.compile(r"Graph capturing finished in ([\d.]+) secs"),
}
CACHED = re.compile(r"Directly load (AOT compilation|the compiled graph)")


@dataclass
class Heard:
    """Seconds per phase; what did not happen is absent. `cached`: compiled code was loaded."""

    seconds: dict[str, float] = field(default_factory=dict)
    cached: bool = False

    @property
    def from_cache(self) -> float | None:
        """1 or 0; None where nothing was compiled."""
        return float(self.cached) if "compile_s" in self.seconds else None


class _Listener(logging.Filter):
    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def filter(self, record: logging.LogRecord) -> bool:
        message, seconds = record.getMessage(), self.heard.seconds
        for name, pattern in PHASES.items():
            match = pattern.search(message)
            if match:
                seconds[name] = seconds.get(name, 0.0) + float(match.group(1))
        self.heard.cached = self.heard.cached or bool(CACHED.search(message))
        return True


@contextmanager
def listening() -> Iterator[Heard]:
    """Collects what is said while the block loads a model."""
    heard = Heard()
    listener = _Listener(heard)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(listener)
    try:
        yield heard
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(listener)
