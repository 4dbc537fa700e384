"""What vLLM's process must find in its environment, on a CPU and on an NVIDIA GPU."""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from checkpoints.checkpoint import Checkpoint, read_part
from core.engine import Options

CPU_KV_CACHE_BYTES = 1 << 30
CPU_BLOCK_TOKENS = 128
TCMALLOC = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
IN_PROCESS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TQDM_DISABLE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
}

# DeepGEMM compiles its kernels with nvcc when they first run. vLLM 0.32 chooses it for FP8 in
# blocks without asking whether there is one, and then the load fails; 0.26 asks for a CUDA folder
# only. Without it vLLM takes its own CUTLASS kernel.
# Source: vllm/third_party/deep_gemm and DeepGemmFp8BlockScaledMMKernel of vLLM 0.26.0 and 0.32.0.
DEEP_GEMM_NEEDS = (12, 9)
# Kernels that vLLM 0.26.0 chooses without looking whether their package is installed: Humming for
# FP8 weights below compute capability 8.9 (else Marlin), FlashInfer for MXFP8 from 10.0 on.
# Source: `is_supported` of these classes in vllm/model_executor/kernels/linear, vLLM 0.26.0.
UNGUARDED = {
    "humming": "HummingFP8ScaledMMLinearKernel",
    "flashinfer": "FlashInferCutlassMxfp8LinearKernel",
}


def environment(gpu: bool) -> dict[str, str]:
    """Variables the engine's process starts with; those the user has set stay as they are."""
    wanted = IN_PROCESS | (_on_gpu() if gpu else {})
    wanted |= {name: os.environ[name] for name in wanted if name in os.environ}
    return wanted if gpu or not importlib.util.find_spec("vllm") else wanted | _preloaded()


def _on_gpu() -> dict[str, str]:
    """Keeps vLLM from kernels that this machine can neither load nor compile."""
    compiler = nvcc()
    absent = {name for name in UNGUARDED if importlib.util.find_spec(name) is None}
    if compiler is None:  # FlashInfer compiles too
        absent.add("flashinfer")
    without = [kernel for name, kernel in UNGUARDED.items() if name in absent]
    variables = {"VLLM_DISABLED_KERNELS": ",".join(without)} if without else {}
    if compiler is None or compiler < DEEP_GEMM_NEEDS:
        variables["VLLM_USE_DEEP_GEMM"] = "0"
    return variables


def nvcc() -> tuple[int, int] | None:
    """The release of the CUDA compiler that kernels compiled on first use find, if any."""
    folders = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    named = [str(Path(folder) / "bin" / "nvcc") for folder in folders if folder]
    path = next(filter(None, map(shutil.which, [*named[:-1], "nvcc", named[-1]])), None)
    if path is None:
        return None
    printed = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"release (\d+)\.(\d+)", printed)
    return (int(release[1]), int(release[2])) if release else None


def _preloaded() -> dict[str, str]:
    """On a CPU the allocator and OpenMP that vLLM advises, where present.

    Intel's OpenMP binds a forked process to the first core and its threads to one each, which its
    parent's are not: whatever else runs there stops the engine, while other cores may be idle.
    """
    already = [path for path in [os.environ.get("LD_PRELOAD")] if path]
    preloaded = {"LD_PRELOAD": ":".join([*already, *_tcmalloc(), *_openmp()])}
    return preloaded | {"KMP_AFFINITY": os.environ.get("KMP_AFFINITY", "none")}


def _tcmalloc() -> list[str]:
    """Google's allocator where the system has it (Debian: libtcmalloc-minimal4)."""
    folders = [Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu"), Path("/usr/lib64")]
    return [str(f / name) for f in folders for name in TCMALLOC if (f / name).is_file()][:1]


def _openmp() -> list[str]:
    """Intel's OpenMP, which the CPU wheel of vLLM brings along."""
    library = Path(sysconfig.get_path("data")) / "lib" / "libiomp5.so"
    return [str(library)] if library.is_file() else []


def cpu_kv_cache_bytes(files: Checkpoint, options: Options) -> int:
    """1 GiB, or what one longest request takes: left alone vLLM takes nine tenths of the machine.

    Source: vLLM's CPU backend, whose blocks hold 128 tokens.
    """
    heads = files.number("num_attention_heads", 1)
    head_size = files.number("head_dim", files.number("hidden_size", 0) // max(heads, 1))
    kv_heads = files.number("num_key_value_heads", heads)
    length = options.max_model_len or files.context_length
    blocks = -(-length // CPU_BLOCK_TOKENS) + 1
    values = 2 * files.number("num_hidden_layers", 0) * kv_heads * head_size
    bytes_each = 4 if options.dtype == "float32" else files.dtype_bits // 8
    return max(CPU_KV_CACHE_BYTES, values * bytes_each * blocks * CPU_BLOCK_TOKENS)


def register_model(folder: Path) -> None:
    """Tell vLLM the model's class right here, so that it need not start a process to look at it.

    Without this the first load of an architecture imports everything once more in a subprocess
    (24 s on two CPU cores). An architecture vLLM does not know is left to its own error.
    """
    from vllm.model_executor.models import ModelRegistry

    for name in read_part(folder, "config.json").get("architectures") or []:
        lazy = ModelRegistry.models.get(name)
        if lazy is not None and hasattr(lazy, "load_model_cls"):
            ModelRegistry.register_model(name, lazy.load_model_cls())
