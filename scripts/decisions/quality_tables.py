"""The tables of simulated verdicts on quality that `scripts/bench_decisions.py` prints."""

from collections.abc import Iterator

from scripts.decisions.quality import Task, of_schemes, over_looks, power, rates

SIZES = (100, 250, 500, 1000, 2000)
BASES = (0.5, 0.8, 0.95)
FLIPS = {"losses only": (0.01, 0.0), "losses and gains": (0.03, 0.02)}
SEVERAL = {
    "4 x 100, the same loss": [Task(100, 0.7, 0.01)] * 4,
    "4 x 250, losses and gains": [Task(250, 0.7, 0.03, 0.02)] * 4,
    "4 x 250, all in one": [Task(250, 0.7, 0.04), *[Task(250, 0.7, 0.0)] * 3],
    "50 and 3 x 1000, in the 50": [Task(50, 0.7, 0.04), *[Task(1000, 0.7, 0.0)] * 3],
    "50 and 3 x 1000, the same": [Task(50, 0.7, 0.01), *[Task(1000, 0.7, 0.01)] * 3],
    "4 x 1000, losses and gains": [Task(1000, 0.7, 0.05, 0.04)] * 4,
}
POWERS = {
    "nothing lost": Task(1000, 0.7, 0.0),
    "1 % flip each way": Task(1000, 0.7, 0.01, 0.01),
    "2.6 % lost, 2.4 % found": Task(1000, 0.7, 0.026, 0.024),
    "0.3 % lost": Task(1000, 0.7, 0.003),
    "3 % lost, 1 % found": Task(1000, 0.7, 0.03, 0.01),
    "5 % lost, 2 % found": Task(1000, 0.7, 0.05, 0.02),
}


def lines(repetitions: int, seed: int) -> Iterator[str]:
    """Every table, a line at a time as it is done."""
    yield from _one_task(repetitions, seed)
    yield from _several(repetitions, seed)
    yield from _looks(repetitions, seed)
    yield from _schemes(repetitions, seed)
    yield "\nDocuments advised (seen at 1000): how often they decide at a second look"
    for name, task in POWERS.items():
        n, decided = power(task, repetitions, seed)
        yield f"{name:28} {n:7,} documents {_percent(decided)}"


def _one_task(repetitions: int, seed: int) -> Iterator[str]:
    yield f"One task, true loss = margin (1 point), {repetitions} repetitions: % of verdicts"
    yield f"{'':18}{'n':>6}{'base':>6}{'pass':>7}{'fail':>7}   covered: difference, recovery"
    for kind, (lost, found) in FLIPS.items():
        for n in SIZES:
            for base in BASES:
                told = rates([Task(n, base, lost, found)], repetitions, seed)
                yield (
                    f"{kind:18}{n:6}{base:6}{_percent(told.passed)}{_percent(told.failed)}"
                    f"{_percent(told.difference):>14}{_percent(told.recovery)}"
                )


def _several(repetitions: int, seed: int) -> Iterator[str]:
    yield "\nSeveral tasks, true mean loss = margin"
    for name, tasks in SEVERAL.items():
        told = rates(tasks, repetitions, seed)
        yield (
            f"{name:30}{_percent(told.passed)}{_percent(told.failed)}"
            f"{_percent(told.difference):>14}{_percent(told.recovery)}"
        )


def _looks(repetitions: int, seed: int) -> Iterator[str]:
    yield "\nOver all looks advised (4 at the most), true loss = margin: pass, fail, looks"
    for kind, (lost, found) in FLIPS.items():
        for n in (100, 250, 1000):
            passed, failed, looks = over_looks(Task(n, 0.7, lost, found), repetitions, seed)
            yield f"{kind:18}{n:6}{_percent(passed)}{_percent(failed)}{looks:7.2f}"


def _schemes(repetitions: int, seed: int) -> Iterator[str]:
    yield "\nAny of seven schemes, true loss = margin: pass, fail; by themselves and together"
    for kind, (lost, found) in FLIPS.items():
        task = Task(1000, 0.7, lost, found)
        for together in (False, True):
            passed, failed = of_schemes(task, 7, max(1, repetitions // 2), together, seed)
            words = "together" if together else "by themselves"
            yield f"{kind:18}{words:14}{_percent(passed)}{_percent(failed)}"


def _percent(share: float) -> str:
    return f"{100 * share:7.1f}"
