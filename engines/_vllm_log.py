"""How long vLLM's loading took, phase by phase: it says so in its log and nowhere else."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

# Listened to one by one: vLLM configures its top logger anew while it starts, and drops handlers.
LOGGERS = (
    "vllm.model_executor.model_loader.default_loader", "vllm.v1.engine.core",
    "vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu.model_runner",
)  # fmt: skip
PHASES = {
    "weights_s": re.compile(r"Loading weights took ([\d.]+) seconds"),
    "compile_s": re.compile(r"compilation: ([\d.]+) s"),
    "graph_capture_s": re.compile(r"Graph capturing finished in ([\d.]+) secs"),
}


class _Listener(logging.Handler):
    def __init__(self, found: dict[str, float]) -> None:
        super().__init__(logging.INFO)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        for name, pattern in PHASES.items():
            match = pattern.search(record.getMessage())
            if match:
                self.found[name] = self.found.get(name, 0.0) + float(match.group(1))


@contextmanager
def listening() -> Iterator[dict[str, float]]:
    """Collects seconds per phase while the block loads a model; what did not happen is absent."""
    found: dict[str, float] = {}
    handler = _Listener(found)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield found
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)
