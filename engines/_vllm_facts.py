"""What is known of vLLM: its command line, what its kernels' names mean, what it must serve."""

import shlex
from typing import Any

from checkpoints.checkpoint import Checkpoint
from core.engine import Description, Options, WrongCheckpoint
from core.errors import UserError
from core.machine import Machine
from core.records import Record

# vLLM computes these layers as one
MERGED = {
    "q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj",
    "gate_proj": "gate_up_proj", "up_proj": "gate_up_proj",
}  # fmt: skip
EMBEDDING_KERNEL = "UnquantizedEmbeddingMethod"
LEFT_ALONE = ("lm_head", "embed_tokens")
INSTEAD = {  # by a word in a kernel's name
    "Torch": "scales and multiplies in separate PyTorch operators",
    "Emulation": "emulates the format",
    "Marlin": "unpacks the weights to 16 bits",
    "Dequant": "unpacks the weights to 16 bits",
}
SERVE_DEFAULTS: dict[str, Any] = {  # of `vllm serve`
    "dtype": "auto",
    "max_model_len": None,
    "tensor_parallel_size": 1,
    "gpu_memory_utilization": 0.9,
    "max_num_seqs": 256,
    "kv_cache_memory_bytes": None,
    "enforce_eager": False,
    "trust_remote_code": False,
}


def check_machine(options: Options, machine: Machine) -> None:
    """Raise `UserError` for a dtype this GPU lacks, or more GPUs than there are."""
    capability = machine.compute_capability
    if options.dtype == "bfloat16" and capability and capability < (8, 0):
        have = "{}.{}".format(*capability)
        raise UserError(f"bfloat16 needs compute capability 8.0, this GPU has {have}: use float16")
    gpus, wanted = len(machine.gpus), options.tensor_parallel_size
    if gpus and wanted > gpus:
        raise UserError(f"--tensor_parallel_size {wanted}: this machine shows {gpus} GPUs")


def serve_command(record: Record, folder: str, budget: int | None = None) -> str:
    """`vllm serve` with the options a record was measured with; vLLM's own defaults are left out.

    A memory budget (bytes) on a GPU becomes `--gpu-memory-utilization`. It was measured without
    prefix caching, which a server does well to have on: that is left at its default.
    """
    arguments = (record.served or {}).get("arguments") or {}
    options = {name: record.options.get(name) for name in SERVE_DEFAULTS}
    options["dtype"] = arguments.get("dtype", options["dtype"])  # a scheme may have its own
    gpus = record.machine.get("gpus") or []
    memory = gpus[0].get("memory_bytes") if gpus else None
    if budget is not None and memory:
        options["gpu_memory_utilization"] = min(0.95, int(100 * budget / memory) / 100)
    if not gpus:  # left alone vLLM takes nine tenths of a processor's memory, or refuses to start
        options["gpu_memory_utilization"] = None
        taken = arguments.get("kv_cache_memory_bytes")
        options["kv_cache_memory_bytes"] = options["kv_cache_memory_bytes"] or taken
    words = ["vllm", "serve", folder]
    for name, default in SERVE_DEFAULTS.items():
        value = options[name]
        if value is None or value == default:
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)


def compressed_kernels(served: dict[str, Any]) -> list[str]:
    """Short names of the kernels that compute compressed layers, each once."""
    kernels = [name for names in (served.get("kernels") or {}).values() for name in names]
    compressed = [name for name in kernels if not name.startswith("Unquantized")]
    return list(dict.fromkeys(name.rpartition("/")[2] for name in compressed))


def uncompressed_kernel(served: dict[str, Any]) -> str | None:
    """The kernel, where all layers run uncompressed ones."""
    kernels = [
        name
        for kind, names in (served.get("kernels") or {}).items()
        for name in names
        if kind not in LEFT_ALONE
    ]
    if kernels and all(name.startswith("Unquantized") for name in kernels):
        return str(kernels[0])
    return None


def explain(kernel: str) -> str | None:
    """What a kernel does instead of computing in the scheme's own format."""
    return next((text for word, text in INSTEAD.items() if word in kernel), None)


def check_served(files: Checkpoint, served: Description, allow_fallback: bool) -> None:
    """Raise `WrongCheckpoint` where kernels contradict what the files declare.

    Marlin's kernels leave activations in 16 bits: where the files say otherwise they are a
    fallback, which vLLM takes by itself where a package or a compiler is missing.
    """
    if (files.quantization or {}).get("quant_method") != "compressed-tensors":
        return
    spared = _spared(files)
    for kind, kernels in served.kernels.items():
        if kernels == [EMBEDDING_KERNEL]:
            continue  # whatever an architecture calls its tables
        if kind not in spared and all(name.startswith("Unquantized") for name in kernels):
            raise WrongCheckpoint(f"{kind} is compressed in the checkpoint, but runs {kernels[0]}")
        if not allow_fallback and _activations(files) and any("Marlin" in name for name in kernels):
            raise WrongCheckpoint(
                f"{kind} runs {kernels[0]}, which quantizes no activations; "
                "--allow_fallback measures that"
            )


def _spared(files: Checkpoint) -> set[str]:
    """Kinds of layers, as the engine calls them, of which none is compressed."""
    left_out = [str(name) for name in (files.quantization or {}).get("ignore", [])]
    ignored = {name.rpartition(".")[2] for name in left_out} | {"lm_head"}
    scales = [tensor.name.split(".") for tensor in files.tensors if "weight_scale" in tensor.name]
    compressed = {parts[-2] for parts in scales if len(parts) > 1}
    return {MERGED.get(name, name) for name in ignored - compressed} | (ignored - compressed)


def _activations(files: Checkpoint) -> bool:
    """Whether the checkpoint declares quantized activations."""
    groups = (files.quantization or {}).get("config_groups") or {}
    return any(group.get("input_activations") for group in groups.values())


def method(quantization: str | None) -> str | None:
    """The method as configs spell it: vLLM serves `gptq` as `auto_gptq` or `gptq_marlin`."""
    return quantization and quantization.removeprefix("auto_").removesuffix("_marlin")
