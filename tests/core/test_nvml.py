"""The way through NVML, driven by the real pynvml with a library of ours in the driver's place."""

import shutil
import subprocess
from pathlib import Path

import pytest

from core import records

UUID = "GPU-0abc0000-1111-2222-3333-444444444444"
LIBRARY = """
#include <stdio.h>
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory;
static int card;
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = &card; return 0; }
int nvmlDeviceGetHandleByUUID(const char *u, void **h) {
    *h = &card;
    return strcmp(u, "THIS") ? 6 : 0;
}
int nvmlDeviceGetName(void *h, char *s, unsigned n) { strncpy(s, "NVIDIA H200", n); return 0; }
int nvmlDeviceGetUUID(void *h, char *s, unsigned n) { strncpy(s, "THIS", n); return 0; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { strncpy(s, "580.95.05", n); return 0; }
int nvmlDeviceGetCudaComputeCapability(void *h, int *a, int *b) { *a = 9; *b = 0; return 0; }
int nvmlDeviceGetMemoryInfo(void *h, memory *m) {
    m->total = 150754820096; m->used = 600000000; m->free = m->total - m->used;
    return 0;
}
""".replace("THIS", UUID)


@pytest.fixture
def driver(tmp_path: Path) -> str:
    """A folder for LD_LIBRARY_PATH in which `libnvidia-ml.so.1` tells of one H200."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path / "driver"
    folder.mkdir()
    (folder / "nvml.c").write_text(LIBRARY)
    line = [compiler, "-shared", "-fPIC", "-w", "-o", "libnvidia-ml.so.1", "nvml.c"]
    subprocess.run(line, cwd=folder, check=True)
    return str(folder)


def test_a_record_holds_the_card_and_its_memory(
    process, base: Path, tmp_path: Path, driver: str
) -> None:
    done = process(
        "benchmark.py",
        "--model",
        "tiny",
        "--engine",
        "fake",
        "--prompt_tokens",
        8,
        LD_LIBRARY_PATH=driver,
        CUDA_VISIBLE_DEVICES="0",
    )
    assert done.returncode == 0, done.stderr
    (record,) = (r for r in records.load_all(tmp_path / "perf_results") if r.measure == "memory")
    (gpu,) = record.machine["gpus"]
    assert (gpu["name"], gpu["uuid"], gpu["memory_bytes"]) == ("NVIDIA H200", UUID, 150754820096)
    assert gpu["compute_capability"] == [9, 0] and record.machine["driver"] == "580.95.05"
    assert record.figures["idle_bytes"].value == 600000000  # whoever uses them
    assert record.figures["peak_bytes"].value == 0  # the fake engine takes nothing
