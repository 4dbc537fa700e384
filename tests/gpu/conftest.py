"""What the GPU tests share: they skip without an NVIDIA GPU; each scheme is served once.

GPU_SCHEMES=BASE,FP8-W8A8 serves only some; the default is every scheme this card has a kernel for.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checkpoints import models
from compressing import missing
from compressing.settings import Settings
from core import plugins
from core.machine import probe
from measures.answers import PROMPTS
from running import child, server
from running.memory import Watch
from running.progress import Progress
from running.run import LOGS
from tests.gpu import look

SETTINGS = Settings(num_calibration_samples=32, max_sequence_length=256, calibration="demo")
TIMEOUT_S = 600.0
NEW_TOKENS = 32


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if probe().gpus:
        return
    skip = pytest.mark.skip(reason="no NVIDIA GPU answers here")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


def native() -> list[str]:
    """Schemes this card serves in their own format, or those GPU_SCHEMES names."""
    named = os.environ.get("GPU_SCHEMES")
    if named:
        return named.split(",")
    here = probe()
    every = [plugins.shown("schemes", stem) for stem in plugins.names("schemes")]
    verdicts = {
        name: plugins.load("schemes", name).verdict(here.compute_capability, here.cpu_flags)
        for name in every
    }
    return [name for name in every if verdicts[name].kind == "native"]


@dataclass(frozen=True)
class Served:
    """What the child saw, or why it ended; bytes in use on the GPU before and after it."""

    reason: str | None
    seen: dict[str, Any]
    idle_bytes: int
    after_bytes: int


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Served]]:
    """Compress the demo model with a scheme and serve it in a clean child, once per scheme."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("gpu")
    os.chdir(folder)
    server.prepare(("vllm",), [], LOGS, missing.LIBRARIES)
    known: dict[str, Served] = {}

    def served(scheme: str) -> Served:
        if scheme not in known:
            known[scheme] = _serve(scheme, folder)
        return known[scheme]

    yield served
    os.chdir(before)


def _serve(scheme: str, folder: Path) -> Served:
    (place,) = models.places("demo", [scheme], folder)
    failed = None if place.path.exists() else missing.make(place, SETTINGS, "gpu", Progress())
    if failed:
        return Served(failed, {}, 0, 0)
    events: list[dict[str, Any]] = []
    idle = used_bytes()
    task = (str(place.path), list(PROMPTS), NEW_TOKENS)
    reason = child.run(look.watch, task, folder / f"{scheme}.log", TIMEOUT_S, events.append)
    return Served(reason, events[0] if events else {}, idle, used_bytes())


def used_bytes() -> int:
    """Bytes in use on the first GPU, by the sampler the records use."""
    with Watch([gpu.uuid for gpu in probe().gpus[:1]]) as watch:
        return watch.mark()["used_bytes"]
