"""Who else is on a GPU, by what NVIDIA's driver lists: acted out, for machines without one."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.machine import Gpu
from running import gpus

GPU = Gpu(index=2, name="a GPU", uuid="u", memory_bytes=1, compute_capability=(9, 0))
OWN, OTHER, LATE = 10, 20, 30


@pytest.mark.parametrize(
    ("held", "before", "others"),
    [
        ({OWN: 1, OTHER: 2}, set(), {OTHER}),
        ({OWN: 1, OTHER: 2, LATE: 3}, {OTHER}, {OTHER, LATE}),
        ({OTHER: 2, LATE: 3}, {OTHER}, {OTHER}),  # ours may be the one called LATE
        ({OTHER: 2}, set(), set()),
        ({}, {OTHER}, set()),
    ],
)
def test_whose_processes_are_foreign(
    held: dict[int, int], before: set[int], others: set[int]
) -> None:
    assert gpus.foreign(held, {OWN}, before) == others


class Driver:
    """The functions of pynvml that are asked; what is not set it does not support."""

    class NVMLLibraryMismatchError(Exception):
        """A driver too old for a function."""

    class NVMLError(Exception):
        pass

    NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1
    nvmlMemory_v2 = 2
    nvmlClocksThrottleReasonSwThermalSlowdown = 0x20
    nvmlClocksThrottleReasonHwThermalSlowdown = 0x40

    def __init__(self, **known: Any) -> None:
        self.known = known

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:
        return self.answer("handle")

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Any:
        held = self.answer("held")
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in held.items()]

    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int) -> Any:
        return SimpleNamespace(used=self.answer("used"))

    def nvmlDeviceGetViolationStatus(self, handle: Any, policy: int) -> Any:
        return SimpleNamespace(violationTime=self.answer("violations")[policy])

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Any) -> Any:
        return self.answer("reasons")

    def nvmlDeviceGetProcessUtilization(self, handle: Any, since_us: int) -> Any:
        return [SimpleNamespace(pid=pid, smUtil=used) for pid, used in self.answer("busy")]

    def answer(self, name: str) -> Any:
        if name not in self.known:
            raise self.NVMLError(name)
        return self.known[name]


def watched(monkeypatch: pytest.MonkeyPatch, **known: Any) -> tuple[gpus.Gpus, Driver]:
    driver = Driver(handle=1, **known)
    monkeypatch.setitem(__import__("sys").modules, "pynvml", driver)
    return gpus.Gpus((GPU,), {OWN}), driver


def test_what_others_hold_and_how_busy_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [(OWN, 90), (OTHER, 20), (OTHER, 40), (LATE, 5)]
    known = {"held": {OTHER: 7}, "used": 9, "violations": [4e9, 2e9], "reasons": 0x44, "busy": busy}
    seen, driver = watched(monkeypatch, **known)
    assert seen.counters() == {"gpu2_thermal_s": 2.0, "gpu2_power_s": 4.0}
    driver.known["held"] = {OWN: 100, OTHER: 7, LATE: None}
    assert seen.users({OWN}) == pytest.approx(
        {
            "gpu2_used_before_bytes": 9,
            "gpu2_thermal_slowdown": 1.0,
            "gpu2_foreign_bytes": 7,
            "gpu2_foreign_sm_share": 0.35,
        }
    )
    driver.known |= {"held": {OWN: 100}, "reasons": 0x4}  # the power limit, which is no heat
    alone = seen.users({OWN})
    assert alone["gpu2_thermal_slowdown"] == 0.0
    assert alone["gpu2_foreign_bytes"] == alone["gpu2_foreign_sm_share"] == 0.0


def test_what_a_driver_does_not_say_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, _ = watched(monkeypatch)
    assert silent.counters() == {} and silent.users({OWN}) == {}
    some, _ = watched(monkeypatch, held={OTHER: 7})
    assert some.users({OWN}) == {"gpu2_foreign_bytes": 7.0}
