"""How long vLLM's loading took, phase by phase: it says so in its log and nowhere else."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

# vLLM configures logging anew while it starts, which drops handlers but keeps filters: so these
# loggers are listened to with a filter that lets everything through.
LOGGERS = (
    "vllm.model_executor.model_loader.default_loader", "vllm.v1.engine.core",
    "vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu.model_runner",
)  # fmt: skip
PHASES = {
    "weights_s": re.compile(r"Loading weights took ([\d.]+) seconds"),
    "compile_s": re.compile(r"compilation: ([\d.]+) s"),
    "graph_capture_s": re.compile(r"Graph capturing finished in ([\d.]+) secs"),
}


class _Listener(logging.Filter):
    def __init__(self, found: dict[str, float]) -> None:
        super().__init__()
        self.found = found

    def filter(self, record: logging.LogRecord) -> bool:
        for name, pattern in PHASES.items():
            match = pattern.search(record.getMessage())
            if match:
                self.found[name] = self.found.get(name, 0.0) + float(match.group(1))
        return True


@contextmanager
def listening() -> Iterator[dict[str, float]]:
    """Collects seconds per phase while the block loads a model; what did not happen is absent."""
    found: dict[str, float] = {}
    listener = _Listener(found)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(listener)
    try:
        yield found
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(listener)
