"""What else the machine did: the counters' differences, and what of it spoils a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from comparing.contention import contended
from running import contention

CPU = {"window_s": 10.0, "cores": 2.0}
COUNTERS = {
    "at_s": 100.0,
    "cores": 4.0,
    "busy_s": 50.0,
    "stolen_s": 1.0,
    "own_s": 20.0,
    "pressure_s": 3.0,
    "quota_periods": 10.0,
    "throttled_periods": 0.0,
    "gpu0_thermal_s": 5.0,
}


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (None, None),
        ({}, None),
        (CPU, None),
        (CPU | {"other_cores": 1.4}, "other processes used 1.4 of 2 cores"),
        (CPU | {"other_cores": 0.2}, None),
        (CPU | {"other_cores": 0.21}, "other processes used 0.2 of 2 cores"),
        (CPU | {"cores": 16.0, "other_cores": 0.8}, None),
        (CPU | {"other_cores": 1.4, "window_s": 0.9}, None),
        (CPU | {"stolen_share": 0.12}, "12 % of CPU time was stolen by the hypervisor"),
        (CPU | {"stolen_share": 0.05}, None),
        ({**CPU, "cores": 8.0, "other_cores": 3.0, "gpu0_foreign_bytes": 0.0}, None),
        (CPU | {"stolen_share": 0.12, "window_s": 0.9}, None),
        (CPU | {"throttled_share": 0.4}, "the CPU quota was used up in 40 % of its periods"),
        (CPU | {"throttled_share": 0.05}, None),
        (CPU | {"cpu_pressure_share": 1.0, "load_average_1min": 40.0}, None),
        ({"gpu0_foreign_bytes": 3.1 * 2**30}, "another process holds 3.10 GiB of GPU 0"),
        ({"gpu0_foreign_bytes": 2.0**29}, None),
        ({"gpu1_used_before_bytes": 2.0**31}, "2.00 GiB of GPU 1 were in use before the load"),
        ({"gpu0_used_before_bytes": 2.0**30}, None),
        ({"gpu3_foreign_sm_share": 0.5}, "another process kept GPU 3 busy for 50 % of the time"),
        ({"gpu3_foreign_sm_share": 0.05}, None),
        (CPU | {"gpu0_thermal_share": 0.2}, "GPU 0 was throttled: thermal"),
        (CPU | {"gpu0_thermal_share": 0.05, "gpu0_power_share": 0.9}, None),
        ({"gpu0_thermal_share": 0.2, "window_s": 0.9}, None),
        ({"gpu0_thermal_slowdown": 1.0}, "GPU 0 was throttled: thermal"),
        ({"gpu0_thermal_slowdown": 0.0}, None),
        (
            {"gpu0_foreign_bytes": 1.0, "gpu10_thermal_slowdown": 1.0},
            "GPU 10 was throttled: thermal",
        ),
    ],
)
def test_what_spoils_a_time(seen: dict[str, float] | None, sentence: str | None) -> None:
    assert contended(seen) == sentence


def test_figures_are_differences_of_counters() -> None:
    later = {
        "at_s": 110.0, "cores": 4.0, "busy_s": 75.0, "stolen_s": 2.0, "own_s": 40.0,
        "pressure_s": 4.0, "quota_periods": 30.0, "throttled_periods": 5.0, "gpu0_thermal_s": 6.0,
    }  # fmt: skip
    assert contention.figures(COUNTERS, later) == pytest.approx(
        {
            "window_s": 10.0,
            "cores": 4.0,
            "other_cores": 0.5,  # 25 s busy, of which 20 s are ours
            "stolen_share": 0.025,
            "cpu_pressure_share": 0.1,
            "throttled_share": 0.25,
            "gpu0_thermal_share": 0.1,
        }
    )


@pytest.mark.parametrize(
    ("lacking", "absent"),
    [
        ("own_s", {"other_cores"}),
        ("pressure_s", {"cpu_pressure_share"}),
        ("quota_periods", {"throttled_share"}),
        ("busy_s", {"cores", "other_cores", "stolen_share"}),
        ("gpu0_thermal_s", {"gpu0_thermal_share"}),
    ],
)
def test_what_a_machine_does_not_count_is_absent(lacking: str, absent: set[str]) -> None:
    later = {name: value + 1 for name, value in COUNTERS.items()}
    whole = contention.figures(COUNTERS, later)
    del later[lacking]
    assert whole.keys() - contention.figures(COUNTERS, later).keys() == absent


def test_a_quota_that_counts_no_periods_says_nothing() -> None:
    later = COUNTERS | {"at_s": 101.0}
    assert "throttled_share" not in contention.figures(COUNTERS, later)


def test_time_counted_to_us_that_nobody_saw_busy_is_none_of_others() -> None:
    later = COUNTERS | {"at_s": 101.0, "busy_s": 51.0, "own_s": 21.02}
    assert contention.figures(COUNTERS, later)["other_cores"] == 0.0


@pytest.fixture
def busy():
    """A process that computes without end."""
    with subprocess.Popen([sys.executable, "-c", "while 1: pass"]) as process:
        yield process
        process.kill()


def test_a_busy_process_beside_is_seen(busy: subprocess.Popen[bytes]) -> None:
    """With another process taken for the root of ours; what the busy one got is known exactly."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeper:
        watch = contention.Watch(sleeper.pid)
        exact = psutil.Process(busy.pid).cpu_times
        started = exact().user
        while exact().user < started + 0.5:
            time.sleep(0.01)
        seen = watch.mark()
        sleeper.communicate(b"\n")
    assert seen["other_cores"] * seen["window_s"] >= 0.4


def test_an_engine_that_is_bound_to_one_core_is_watched_on_all() -> None:
    """As Intel's OpenMP binds processes that were forked."""
    cores = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as root:
        try:
            os.sched_setaffinity(0, {min(cores)})
            seen = contention.Watch(root.pid).mark()
        finally:
            os.sched_setaffinity(0, cores)
            root.communicate(b"\n")
    assert seen["cores"] == len(cores)


BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint('burnt', flush=True); input()"
PARENT = f"import subprocess, sys; input()\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n"


def test_what_is_below_our_process_is_ours() -> None:
    """While it runs, and after it has ended."""
    pipe = subprocess.PIPE
    code = PARENT + "print('ended', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as root:
        assert root.stdin and root.stdout
        before = contention._own_cpu(root.pid)["own_s"]
        for expected in (b"burnt\n", b"ended\n"):
            root.stdin.write(b"\n")
            root.stdin.flush()
            assert root.stdout.readline() == expected
            assert contention._own_cpu(root.pid)["own_s"] - before >= 0.45
        root.communicate(b"\n")
    assert contention._own_cpu(root.pid) == {}


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/box", "box/cpu.stat"),
        ("0::/elsewhere", "cpu.stat"),
        ("4:memory:/box\n1:cpu,cpuacct:/box", "cpu,cpuacct/box/cpu.stat"),
    ],
)
def test_the_quota_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, file: str
) -> None:
    (tmp_path / "own").write_text(groups + "\n")
    monkeypatch.setattr(contention, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(contention, "CGROUPS", tmp_path)
    assert contention._quota() == {}
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("usage_usec 9\nnr_periods 30\nnr_throttled 3\nthrottled_usec 7\n")
    assert contention._quota() == {"quota_periods": 30.0, "throttled_periods": 3.0}


def test_a_kernel_without_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAT", "PRESSURE", "OWN_CGROUPS"):
        monkeypatch.setattr(contention, name, tmp_path / "absent")
    seen = contention.Watch(os.getpid()).mark()
    assert seen.keys() == {"window_s", "load_average_1min"} and contended(seen) is None
