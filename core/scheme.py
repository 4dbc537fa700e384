"""The scheme contract: a named way to compress, described in data.

A scheme file (`schemes/int4_w4a16.py`) exports one `SCHEME`. What the recipe needs from
llmcompressor is imported when the recipe is built, never before, so listing schemes is instant.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Capability = tuple[int, int]


class Method(StrEnum):
    """A method of quantization, or a step of one; the value is the name that is shown."""

    RTN = "RTN"
    GPTQ = "GPTQ"
    AWQ = "AWQ"
    AUTOROUND = "AutoRound"
    SMOOTHQUANT = "SmoothQuant"
    LLM_INT8 = "LLM.int8()"
    CAST = "cast"


@dataclass(frozen=True, kw_only=True)
class Activations:
    """The number format that activations are rounded to before a matrix product.

    `static` says that a layer's scale is found on calibration text and stored; dynamic scales are
    found anew for every input (NVFP4's too, under one stored scale of the whole tensor).
    """

    bits: int
    kind: Literal["int", "float"]
    static: bool = False


Modifiers = Callable[[list[str]], list[Any]]  # llmcompressor's, for a list of layers left out


@dataclass(frozen=True)
class BitsAndBytes:
    """A recipe of bitsandbytes: the number format of the weights, as it names them.

    `compute_dtype` is what 4-bit weights are multiplied in, None: the base's own dtype.
    Blocks of 64 weights share a scale in 4 bits, output rows in 8. Whether the scales are quantized
    too (double quantization) is a matter of `Storage.nested`.
    """

    quant_type: Literal["nf4", "fp4", "int8"]
    compute_dtype: Literal["float32", "float16", "bfloat16"] | None = None


@dataclass(frozen=True)
class Cast:
    """A recipe that changes no more than the dtype of every number, as torch names it."""

    dtype: Literal["float32", "float16", "bfloat16"]


# 256 values that nested scales index, and what bitsandbytes writes of them as text
NESTED_BITS = 256 * 32 + 90 * 8


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How a compressed linear layer lies on disk (formats as `checkpoints.layouts` names them).

    `group` is what shares one scale: "channel" (an output row), "tensor", a number of input
    columns, or a (rows, columns) block. `scale_bits` None: scales have the dtype of the
    uncompressed weights. `nested` scales are quantized themselves, to a byte, and that many share a
    scale of 32 bits (bitsandbytes' double quantization). `fixed_bits` are per layer whatever its
    size (`weight_shape`, global scales).
    """

    format: str
    weight_bits: int
    group: Literal["channel", "tensor"] | int | tuple[int, int] = "channel"
    scale_bits: int | None = None
    zero_point_bits: int = 0
    nested: int | None = None
    fixed_bits: int = 0

    def scales(self, rows: int, columns: int) -> int:
        """How many scales a weight of `rows` x `columns` (outputs x inputs) carries."""
        if self.format == "dense":
            return 0
        if self.group == "tensor":
            return 1
        if self.group == "channel":
            return rows
        if isinstance(self.group, int):
            return rows * math.ceil(columns / self.group)
        return math.ceil(rows / self.group[0]) * math.ceil(columns / self.group[1])

    def bits(self, rows: int, columns: int, dtype_bits: int = 16) -> int:
        """Bits on disk of one weight of `rows` x `columns`, its scales and zero points included.

        `dtype_bits` is the width of the uncompressed weights.
        """
        weights, scales = self.weight_bits * rows * columns, self.scales(rows, columns)
        if self.nested:
            shared = 32 * math.ceil(scales / self.nested)
            return weights + 8 * scales + shared + NESTED_BITS + self.fixed_bits
        scale = (self.scale_bits or dtype_bits) + self.zero_point_bits
        return weights + scales * scale + self.fixed_bits

    def bits_per_weight(self, rows: int = 4096, columns: int = 4096) -> float:
        """Bits on disk per weight; the default shape is an attention projection of an 8B Llama."""
        return self.bits(rows, columns) / (rows * columns)

    @property
    def shared(self) -> str:
        """What shares one scale, in words: `group 128`, `channel`, `block 128x128`."""
        if isinstance(self.group, tuple):
            return "block {}x{}".format(*self.group)
        return f"group {self.group}" if isinstance(self.group, int) else self.group

    @property
    def divisor(self) -> int:
        """What the number of input columns must be a multiple of (1: anything goes)."""
        if isinstance(self.group, tuple):
            return self.group[1]
        return self.group if isinstance(self.group, int) else 1


CPU_FLAGS = {"AVX-512": "avx512f", "AMX": "amx_tile"}  # as /proc/cpuinfo names them


@dataclass(frozen=True, kw_only=True)
class Serveable:
    """Whether a machine can serve a scheme: natively, only with a fallback, or not at all."""

    kind: Literal["native", "fallback", "none"]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Which devices vLLM has a kernel on (0.26.0 and 0.32.0 agree where nothing else is said).

    `native` is the lowest NVIDIA compute capability that computes in the scheme's own format (None:
    none does), `below` the lowest higher one that no longer does, `only` the single one that does.
    `fallback` is the lowest on which vLLM runs it in another way, described by `fallback_how`.
    `cpu` says whether vLLM's CPU backend has a kernel: "yes", "no" or an instruction set it needs
    (vLLM 0.32's library for processors without AVX-512 has no `cpu_gemm_wna16`).
    `package` is what has to be installed beside vLLM: without it no GPU serves the scheme.
    From 10.0 on MXFP4 and MXFP8 need FlashInfer as well as vLLM, and it nvcc; without, vLLM takes
    Marlin, which the engine's `check_served` sees.
    Source: vLLM's own choice (`CompressedTensorsConfig._get_scheme_from_parts`, the schemes'
    `get_min_capability` and the kernels' `is_supported` and `can_implement`), asked for every
    scheme at 7.5, 8.0, 8.9, 9.0, 10.0 and 12.0 without such a GPU; the CPU column was run.
    """

    native: Capability | None = (7, 5)
    below: Capability | None = None
    fallback: Capability | None = None
    fallback_how: str = "weight-only (Marlin)"
    only: Capability | None = None
    cpu: Literal["yes", "no", "AVX-512", "AMX"] = "no"
    package: str | None = None

    def on_gpu(self, capability: Capability) -> Serveable:
        """The verdict for an NVIDIA GPU of this compute capability."""
        have = "{}.{}".format(*capability)
        if self.package and importlib.util.find_spec(self.package.replace("-", "_")) is None:
            why = f"vLLM needs the package {self.package} for it, which is not installed here"
            return Serveable(kind="none", reason=why)
        if self._computes(capability):
            return Serveable(kind="native", reason=f"compute capability {have}")
        need = f"needs {self.needs}, the GPU has {have}"
        if self.fallback is not None and capability >= self.fallback:
            return Serveable(
                kind="fallback", reason=f"{need}: vLLM falls back to {self.fallback_how}"
            )
        return Serveable(kind="none", reason=need)

    def _computes(self, capability: Capability) -> bool:
        if self.only is not None:
            return capability == self.only
        if self.native is None or capability < self.native:
            return False
        return self.below is None or capability < self.below

    @property
    def needs(self) -> str:
        """The compute capability that computes natively, in words."""
        if self.only is not None:
            return "compute capability {}.{} exactly".format(*self.only)
        if self.native is None:
            return "a kernel that vLLM does not have"
        upper = " and below {}.{}".format(*self.below) if self.below else ""
        return "compute capability {}.{}".format(*self.native) + upper

    def on_cpu(self, flags: frozenset[str]) -> Serveable:
        """The verdict for vLLM's CPU backend on a processor with these feature flags."""
        if self.cpu == "no":
            return Serveable(kind="none", reason="vLLM's CPU backend has no kernel for this format")
        if self.cpu != "yes" and CPU_FLAGS[self.cpu] not in flags:
            why = f"vLLM's CPU kernel for this format needs {self.cpu}"
            return Serveable(kind="none", reason=why)
        return Serveable(kind="native", reason="vLLM's CPU backend has a kernel")


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A named way to compress a model.

    `recipe` is how a checkpoint is made: a function that builds llmcompressor's modifiers, or data
    for another of the makers (`compressing.making.MAKERS`); None means the model stays as it is
    (the base). `methods` are its steps in order, none for the base. `activations` is None where
    they stay as they are. `calibration` says that text is needed. `folds_scales` marks methods that
    move scales into neighbouring layers, so that weights cannot be compared one by one with the
    base's. `kv_cache_bits` is set where the checkpoint stores calibrated KV-cache scales.
    """

    summary: str
    weight_bits: int
    activations: Activations | None
    methods: tuple[Method, ...]
    calibration: bool
    storage: Storage
    serving: Serving
    recipe: Modifiers | BitsAndBytes | Cast | None
    ignore: tuple[str, ...] = ("lm_head",)
    folds_scales: bool = False
    kv_cache_bits: int | None = None
    save_options: dict[str, Any] = field(default_factory=dict)

    @property
    def activation_bits(self) -> int:
        """Bits of an activation in a matrix product: as many as uncompressed weights have."""
        if self.activations:
            return self.activations.bits
        return max(16, self.weight_bits)

    @property
    def quant_method(self) -> str | None:
        """What a checkpoint declares as its `quant_method`; None: it declares none."""
        if self.recipe is None or isinstance(self.recipe, Cast):
            return None
        return "bitsandbytes" if isinstance(self.recipe, BitsAndBytes) else "compressed-tensors"

    @property
    def dtype(self) -> str | None:
        """The dtype a checkpoint must be served in to be what it is; None: any engine's choice."""
        return self.recipe.dtype if isinstance(self.recipe, Cast) else None

    @property
    def method(self) -> str:
        """The methods as shown: `SmoothQuant + GPTQ`, `none`."""
        return " + ".join(self.methods) or "none"

    def verdict(self, capability: Capability | None, cpu_flags: frozenset[str]) -> Serveable:
        """Whether vLLM serves it; `capability` is the GPU's, None on a machine without one."""
        if capability is None:
            return self.serving.on_cpu(cpu_flags)
        return self.serving.on_gpu(capability)
