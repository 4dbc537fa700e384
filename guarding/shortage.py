"""Memory that ran out: what was needed, what there is, and what would fit, in one sentence.

Libraries say so in words of their own, and the kernel kills without any; `explained` makes a reason
of those that somebody can act on. The sizes are those of the weights and of keys and values: what a
model computes with comes on top, so that what would fit is the most that may.
"""

import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from checkpoints import checkpoint
from checkpoints.checkpoint import Checkpoint
from core import plugins
from core.engine import Engine, Options
from core.errors import UserError
from core.machine import memory_limit, probe
from core.measure import Job, Workload
from core.words import KIB, size

KILLED = "SIGKILL"
SIGNS = re.compile(
    r"out ?of ?memory|\bMemoryError\b|not allocate memory|Unable to allocate|can't allocate memory"
    r"|not enough memory|No available memory for the cache|KV cache is needed"
    rf"|Free memory on device|{KILLED}",
    re.IGNORECASE,
)
AMOUNT = r"([\d.,]+) ?([KMGT]?i?B|bytes)"
TRIED = re.compile(rf"(?:tried|unable) to (?:allocate|mmap) {AMOUNT}", re.IGNORECASE)
WHOLE = re.compile(rf"(?:total capacity of|max allowed:) {AMOUNT}")
FREE = re.compile(rf"of which {AMOUNT} is free")
# vLLM, on a GPU of which others hold much; and where a longest request does not fit
HELD = re.compile(r"Free memory on device \S+ \(([\d.]+)/([\d.]+) GiB\)")
LONGEST = re.compile(r"([\d.]+) GiB KV cache is needed.*?\(([\d.]+) GiB\)")
LONGEST_THAT_FITS = re.compile(r"maximum model length is (\d+)")
USABLE = 0.9  # of a device: the rest is for what a model computes with
GIB = KIB**3


@dataclass(frozen=True, eq=False)
class Load:
    """What ran out of memory: `served`, the engine's description once it is loaded, and its task.

    `doing` says that in words, `job` is what it was done for. `decompressed` weights are loaded as
    plain numbers, whatever the engine.
    """

    path: Path
    engine_name: str
    options: Options
    served: dict[str, Any] | None
    doing: str
    job: Job | None
    decompressed: bool = False

    @cached_property
    def files(self) -> Checkpoint:
        """The headers of the checkpoint."""
        return checkpoint.read(self.path)

    @property
    def engine(self) -> type[Engine]:
        """The class of the engine."""
        return plugins.load("engines", self.engine_name)

    @property
    def batch(self) -> int:
        """Requests that were answered at once, 0 where it was something else."""
        if self.job is None or self.served is None:
            return 0
        measure = plugins.load("measures", self.job.measure)
        return self.job.settings.batch_size if measure.varies == "batch_size" else 0

    @property
    def tokens(self) -> int:
        """Tokens of each of them at the most."""
        load = self.job and self.job.settings
        if isinstance(load, Workload) and not load.texts:
            return load.prompt_tokens + load.max_new_tokens
        return self.options.max_model_len or self.files.context_length


def explained(reason: str | None, load: Load) -> str | None:
    """The reason of a failure; where memory ran out, with what was needed and what would fit."""
    if reason is None or not SIGNS.search(reason):
        return reason
    try:
        there = _there(reason, load)
        needed, fitting = _needs(reason, load), _fits(reason, load, there)
    except UserError:  # the folder is not any more what was loaded
        return reason
    return "; ".join(filter(None, (_lead(reason, load), needed, _has(reason, there), fitting)))


def _lead(reason: str, load: Load) -> str:
    if KILLED in reason:
        return f"{reason} while {load.doing}"
    tried = TRIED.search(reason)
    more = f", which wanted {size(_bytes(*tried.groups()))} more" if tried else ""
    return f"out of memory while {load.doing}{more}"


def _needs(reason: str, load: Load) -> str:
    weights = f"the weights take {size(_weights(load))}"
    if load.served is None and _decompressed(load):
        weights = f"the weights take {size(load.files.nbytes)} compressed and are decompressed"
    if longest := LONGEST.search(reason):
        return f"{weights}, one request of full length {longest[1]} GiB more"
    if not load.batch:
        return weights
    cache = size(load.batch * request_bytes(load))
    return (
        f"{weights}, the keys and values of {load.batch} requests of {load.tokens} tokens {cache}"
    )


def _has(reason: str, there: int) -> str:
    free = FREE.search(reason)
    left = f", of which {size(_bytes(*free.groups()))} were free" if free else ""
    if longest := LONGEST.search(reason):
        left = f", of which {longest[2]} GiB are left for requests"
    if held := HELD.search(reason):
        left = f", of which {held[1]} GiB were free"
    return f"there are {size(there)}{left}"


def _fits(reason: str, load: Load, there: int) -> str:
    """What to change: the share of the GPU, the longest request, the batch, or the scheme."""
    if held := HELD.search(reason):
        share = int(95 * float(held[1]) / float(held[2])) / 100
        return f"--gpu_memory_utilization {share:.2f} would fit beside what others hold"
    if fitting := LONGEST_THAT_FITS.search(reason):
        return f"--max_model_len {fitting[1]} would fit"
    if load.batch > 1 and (count := _requests(load, there)):
        return f"at most {count} at once would fit: --batch_sizes {count}"
    schemes = [f"{name} ({size(nbytes)})" for name, nbytes in _smaller(load, int(USABLE * there))]
    if schemes:
        return f"schemes whose weights would fit: {', '.join(schemes)}"
    return "a smaller --max_model_len needs less" if load.served else ""


def _requests(load: Load, there: int) -> int:
    """Requests that weights and cache leave room for, half of those that failed at most."""
    room = int(USABLE * there) - _weights(load)
    count = min(load.batch // 2, room // max(request_bytes(load), 1))
    return 1 << (count.bit_length() - 1) if count > 0 else 0


def request_bytes(load: Load) -> int:
    """Bytes of the keys and values of one request of the batch."""
    files = load.files
    heads = files.number("num_attention_heads", 1)
    head = files.number("head_dim", files.number("hidden_size", 0) // max(heads, 1))
    values = 2 * files.number("num_hidden_layers", 0) * files.number("num_key_value_heads", heads)
    return values * head * load.tokens * (4 if (load.served or {}).get("dtype") == "float32" else 2)


def _weights(load: Load) -> int:
    """Bytes of the weights: as they are served, or as they will be."""
    if load.served is not None:
        return int(load.served["weights_bytes"])
    files = load.files
    wider = _wide(load.options) and not files.quantization and files.dtype_bits == 16
    return files.nbytes * (2 if wider else 1)


def _wide(options: Options) -> bool:
    return options.dtype in ("float32", "float")


def _decompressed(load: Load) -> bool:
    method = (load.files.quantization or {}).get("quant_method")
    emulated = not load.engine.needs_kernels and method == "compressed-tensors"
    return load.decompressed or emulated


def _smaller(load: Load, room: int) -> list[tuple[str, int]]:
    """Of each width of weights a scheme that the engine serves compressed here and that fits."""
    found: dict[int, tuple[str, int]] = {}
    if load.files.quantization:
        return []
    for name, nbytes, bits in _predicted(load):
        if nbytes <= room and nbytes < _weights(load):
            found.setdefault(bits, (name, nbytes))
    return [found[bits] for bits in sorted(found, reverse=True)]


def _predicted(load: Load) -> Iterator[tuple[str, int, int]]:
    """Schemes served here: name, bytes of the weights, bits of one; from the headers alone."""
    files, here = load.files, probe().on(load.engine.device(load.options))
    layers = {
        n: s for n, s in files.linear_layers.items() if n not in files.beside_text | {"lm_head"}
    }
    rest = sum(t.nbytes for t in files.tensors if t.name.removesuffix(".weight") not in layers)
    for name in plugins.names("schemes"):
        scheme = plugins.load("schemes", name)
        kernel = scheme.verdict(here.compute_capability, here.cpu_flags).kind == "native"
        own = scheme.storage.format.startswith("bitsandbytes")  # which transformers computes with
        if scheme.recipe is not None and (kernel if load.engine.needs_kernels else own):
            bits = sum(scheme.storage.bits(*shape, files.dtype_bits) for shape in layers.values())
            yield plugins.shown("schemes", name), rest + bits // 8, scheme.weight_bits


def _there(reason: str, load: Load) -> int:
    """Bytes of the device, as the library says or the machine."""
    if whole := WHOLE.search(reason):
        return _bytes(*whole.groups())
    if held := HELD.search(reason):
        return int(float(held[2]) * GIB)
    gpus = probe().on(load.engine.device(load.options)).gpus[: load.options.tensor_parallel_size]
    if gpus and all(gpu.memory_bytes for gpu in gpus):
        return sum(gpu.memory_bytes or 0 for gpu in gpus)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return memory_limit() if limit == resource.RLIM_INFINITY else min(memory_limit(), limit)


def _bytes(number: str, unit: str) -> int:
    power = "BKMGT".index(unit[0].upper())
    return int(float(number.replace(",", "")) * KIB**power)
