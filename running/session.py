"""One checkpoint on one engine: load once, prove what is served, run every asked measure.

`serve` runs in a clean child and emits plain data as it goes, so that what was measured before a
crash is kept. `run` is the parent's side.
"""

import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models
from core import plugins
from core.engine import Description, Options
from core.errors import UserError
from core.machine import probe
from core.measure import Loaded
from running import child, page_cache, preload
from running.memory import Watch

Job = tuple[str, Any]  # a measure by name, and its settings: a frozen dataclass
# The fork server must not touch CUDA, which importing llmcompressor and Triton would do without the
# second; with the first a GPU has the same number here, in NVML and in the engine.
FORKED = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "LLM_COMPRESSOR_LOG_LEVEL": "ERROR",
}
ENGINE_NAMES = {"q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj",
                "gate_proj": "gate_up_proj", "up_proj": "gate_up_proj"}  # fmt: skip
EMBEDDING_METHOD = "UnquantizedEmbeddingMethod"


class WrongCheckpoint(Exception):
    """The engine serves something else than the checkpoint declares."""


@dataclass(kw_only=True)
class Result:
    """What a session found: raw values per finished job, and why it ended early if it did."""

    description: dict[str, Any] | None = None
    finished: list[tuple[Job, dict[str, Any]]] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    reason: str | None = None


def prepare(engine: str, jobs: list[Job], logs: Path, libraries: tuple[str, ...] = ()) -> None:
    """Start the fork server for an engine, its measures and other `libraries`, once per process."""
    chosen = plugins.load("engines", engine)
    names = dict.fromkeys(name for name, _ in jobs)
    modules = [m for name in names for m in plugins.load("measures", name).modules]
    child.start_server(
        (*chosen.modules, *modules, *libraries),
        {**FORKED, **chosen.environment()},
        logs / "fork_server.log",
    )


def run(
    path: Path,
    engine: str,
    options: Options,
    jobs: list[Job],
    output: Path,
    log: Path,
    timeout_s: float,
    progress: Callable[[str], None],
    allow_fallback: bool = False,
) -> Result:
    """Measure a checkpoint in a clean child; failures are in the result, never raised.

    What measures leave beside their records goes to the folder `output`. Kernels that compute in
    another format than the scheme's are a failure unless `allow_fallback`.
    """
    result = Result()

    def on_event(event: tuple[str, Any]) -> None:
        kind, payload = event
        if kind == "step":
            progress(payload)
        elif kind == "loaded":
            result.description = payload
        elif kind == "raw":
            result.finished.append((jobs[payload[0]], payload[1]))
        elif kind == "job_failed":
            result.failed.append((jobs[payload[0]], payload[1]))

    arguments = (str(path), engine, options, jobs, output, allow_fallback)
    result.reason = child.run(serve, arguments, log, timeout_s, on_event)
    return result


def serve(
    emit: child.Emit,
    path: str,
    engine_name: str,
    options: Options,
    jobs: list[Job],
    output: Path,
    allow_fallback: bool = False,
) -> None:
    """The child's side. Emits ("step"|"loaded"|"raw"|"job_failed", payload)."""
    if preload.cuda_initialized():
        raise RuntimeError("a CUDA context was made before this process was forked")
    files = checkpoint.read(Path(path))
    cached = page_cache.resident_share(files.files)
    engine_class = plugins.load("engines", engine_name)
    gpus = probe().gpus[: options.tensor_parallel_size]
    with Watch([gpu.uuid for gpu in gpus]) as watch:
        memory = {"idle": watch.mark()}
        emit(("step", "loading"))
        started = time.monotonic()
        with engine_class(Path(path), options) as engine:
            engine_s = time.monotonic() - started
            memory["loaded"] = watch.mark()
            description = engine.describe()
            prove(files, description, allow_fallback)
            emit(("loaded", asdict(description)))
            timing = {
                "load_s": child.start_s + engine_s,
                "engine_s": engine_s,
                "import_s": preload.SECONDS or None,
                "page_cache": cached,
                "compile_cache": engine.compile_cache,
            }

            def tick() -> None:
                emit(("tick", None))

            loaded = Loaded(engine, description, timing, files.nbytes, tick, memory, output)
            for number, (measure_name, settings) in enumerate(jobs):
                emit(("step", measure_name))
                _one(emit, number, measure_name, settings, loaded)
                memory[f"{number}:{measure_name}"] = watch.mark()


def _one(emit: child.Emit, number: int, measure_name: str, settings: Any, loaded: Loaded) -> None:
    """Run one measure; its failure is told and the next one still runs."""
    measure = plugins.load("measures", measure_name)
    try:
        raw = measure.run(loaded, settings)
    except Exception as problem:
        traceback.print_exc()  # into the session's log
        emit(("job_failed", (number, child.sentence(problem))))
    else:
        emit(("raw", (number, raw)))


def prove(files: checkpoint.Checkpoint, served: Description, allow_fallback: bool) -> None:
    """Raise `WrongCheckpoint` when what the engine loaded contradicts what the files declare.

    Marlin's kernels leave activations in 16 bits: where the files say otherwise they are a
    fallback, which vLLM takes by itself where a package or a compiler is missing.
    """
    declared = (files.quantization or {}).get("quant_method")
    if declared != _method(served.quantization):
        raise WrongCheckpoint(
            f"the checkpoint declares {declared or 'no quantization'}, "
            f"the engine serves {served.quantization or 'none'}"
        )
    if declared != "compressed-tensors" or not served.names_kernels:
        return
    spared = _spared(files)
    for kind, kernels in served.kernels.items():
        if kernels == [EMBEDDING_METHOD]:
            continue  # whatever an architecture calls its tables
        if kind not in spared and all(name.startswith("Unquantized") for name in kernels):
            raise WrongCheckpoint(f"{kind} is compressed in the checkpoint, but runs {kernels[0]}")
        if not allow_fallback and _activations(files) and any("Marlin" in name for name in kernels):
            raise WrongCheckpoint(
                f"{kind} runs {kernels[0]}, which quantizes no activations; "
                "--allow_fallback measures that"
            )


def _spared(files: checkpoint.Checkpoint) -> set[str]:
    """Kinds of layers, as the engine calls them, of which none is compressed."""
    left_out = [str(name) for name in (files.quantization or {}).get("ignore", [])]
    ignored = {name.rpartition(".")[2] for name in left_out} | {"lm_head"}
    scales = [tensor.name.split(".") for tensor in files.tensors if "weight_scale" in tensor.name]
    compressed = {parts[-2] for parts in scales if len(parts) > 1}
    return {ENGINE_NAMES.get(name, name) for name in ignored - compressed} | (ignored - compressed)


def _activations(files: checkpoint.Checkpoint) -> bool:
    """Whether the checkpoint declares quantized activations."""
    groups = (files.quantization or {}).get("config_groups") or {}
    return any(group.get("input_activations") for group in groups.values())


def _method(served: str | None) -> str | None:
    """The method as configs spell it: vLLM serves `gptq` as `auto_gptq` or `gptq_marlin`."""
    return served and served.removeprefix("auto_").removesuffix("_marlin")


def impossible(identity: models.Identity, engine: str, allow_fallback: bool) -> str | None:
    """Why this machine cannot serve a checkpoint natively, None when it can or cannot be told."""
    here = probe()
    if not plugins.load("engines", engine).needs_kernels or not identity.ours:
        return None
    scheme = plugins.load("schemes", identity.scheme)
    verdict = scheme.verdict(here.compute_capability, here.cpu_flags)
    if verdict.kind == "native" or (verdict.kind == "fallback" and allow_fallback):
        return None
    hint = "; --allow_fallback measures that" if verdict.kind == "fallback" else ""
    return f"{identity.scheme} is not served natively here: {verdict.reason}{hint}"


def check_dtype(dtype: str, engine: str) -> None:
    """Raise `UserError` for a dtype that does not exist or that this GPU lacks."""
    known = ("auto", "bfloat16", "float16", "float32", "half", "float")
    if dtype not in known:
        raise UserError(f"there is no dtype {dtype!r}; there are: {', '.join(known)}")
    capability = probe().compute_capability
    needs = plugins.load("engines", engine).needs_kernels
    if needs and dtype == "bfloat16" and capability and capability < (8, 0):
        have = "{}.{}".format(*capability)
        raise UserError(f"bfloat16 needs compute capability 8.0, this GPU has {have}: use float16")
