"""What the machinery of a grid costs: planning, claiming, saving and reading, without the loads.

    python scripts/bench_grid.py --models 40 --rounds 3

Each model has a base and 24 checkpoints (all of a few kilobytes), each with ten measures a round.
Loads are left out: what a load of the fake engine found is handed over as if a process had sent
it. A job is a checkpoint with all its measures in one round. Printed are milliseconds a job of a
first command, of the same command once more, when everything is done, and of its `--plan`; and the
memory of the process while models come and go.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SIZES = (1, 2, 4, 8, 16, 32, 64)
CHECKPOINTS = 25
Spent = dict[str, list[tuple[float, float]]]  # seconds, and of the processor


def main(
    models: Annotated[int, typer.Option("--models", help="of 25 checkpoints each")] = 40,
    rounds: Annotated[int, typer.Option("--rounds", help="of each checkpoint")] = 3,
) -> None:
    """Print what a job costs beside its load, and the memory of the process."""
    with tempfile.TemporaryDirectory() as top, chdir(top):
        found = _found(Path(top))
        spent: Spent = {"planning": [], "first": [], "again": [], "--plan": []}
        jobs = 0
        for number in range(models):
            with _handing_over(found):
                jobs += _model(f"model{number}", rounds, spent)
            if number in (0, models // 4, models // 2, 3 * models // 4, models - 1):
                mib = psutil.Process().memory_info().rss / 2**20
                print(f"after {number + 1} models: {mib:.0f} MiB", flush=True)
        files = sum(1 for _ in Path(top).glob("perf_results/*/*.json"))
        print(f"{models * CHECKPOINTS} checkpoints, {jobs} jobs, {files} records")
        for name, seconds in spent.items():
            wall, own = (1000 * sum(column) / jobs for column in zip(*seconds, strict=True))
            print(f"{name}: {wall:.1f} ms a job, {own:.1f} ms of them on the processor")


def _planned() -> list[Any]:
    """Ten measures."""
    from core.measure import Job, Workload

    load = Workload(requests=5, prompt_tokens=8, max_new_tokens=8)
    timed = [Job("batch", replace(load, batch_size=size)) for size in SIZES]
    return [Job("load", load), Job("sequential", load), *timed, Job("memory", load)]


def _run(rounds: int) -> Any:
    from core.engine import Options
    from running.run import Run

    return Run(
        engine="fake",
        options=Options(max_model_len=512),
        results=Path("perf_results"),
        eval_results=Path("eval_results"),
        rounds=rounds,
        max_rounds=rounds,
    )


def _found(folder: Path) -> dict[Any, Any]:
    """What a load of the fake engine found, by job."""
    from checkpoints import models
    from running import server
    from tests import models as tiny

    tiny.write_model(folder / "one")
    server.prepare(("fake",), [], folder / "logs")
    result = _run(1).load(models.identify("one"), _planned(), lambda *_: None)
    assert all(outcome.raw for outcome in result.outcomes.values()), result
    return {**result.outcomes, "served": result.description}


@contextmanager
def _handing_over(found: dict[Any, Any]) -> Iterator[None]:
    """In place of loads: all that one found, at once."""
    from running import session

    def run(load: Any, log: Path, tell: Any, timeout_s: float = 0, ended: Any = None) -> Any:
        for job in load.jobs:
            ended(job, found[job], found["served"])
        return session.Result(description=found["served"], outcomes=dict(found))

    before = session.run
    session.run = run  # type: ignore[assignment]
    try:
        yield
    finally:
        session.run = before


def _model(name: str, rounds: int, spent: Spent) -> int:
    """Do a model's grid, twice, and forecast it; how many jobs it has."""
    from checkpoints import models
    from compressing.settings import Settings
    from core import plugins
    from grid import forecasting, resume
    from grid.execute import execute
    from running.progress import Progress
    from tests import models as tiny

    base = tiny.write_model(Path(name))
    schemes = [plugins.shown("schemes", stem) for stem in plugins.names("schemes")]
    schemes = ["BASE", *(s for s in schemes if s != "BASE")][:CHECKPOINTS]
    for scheme in schemes[1:]:
        tiny.write_compressed(Path(f"{name}-{scheme}"), base, scheme)
    places, planned = models.places(name, schemes, Path()), _planned()
    run = _run(rounds)
    digits = _timed(spent["planning"], lambda: resume.plan(run, places, planned, Settings()))

    def do() -> int:
        taken = resume.taken_up(run, places, digits)
        return len(execute(taken, places, Settings(), planned, {}, Progress()))

    jobs = len(schemes) * rounds + 1
    for which in ("first", "again"):
        assert _timed(spent[which], do) == jobs * len(planned)
    _timed(
        spent["--plan"],
        lambda: forecasting.forecast(run, places, Settings(), planned, digits),
    )
    return jobs


def _timed(spent: list[tuple[float, float]], do: Callable[[], Any]) -> Any:
    before = time.perf_counter(), time.process_time()
    done = do()
    spent.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    return done


if __name__ == "__main__":
    typer.run(main)
