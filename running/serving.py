"""Which engine serves a checkpoint on this machine, and what its records may say of the scheme.

`--engine auto` takes vLLM where it has a kernel for the checkpoint's format, else transformers. A
format of weights alone needs no kernel to be scored: decompressed, its weights are the same values
with 16 bits, which any engine multiplies. Speed and memory say nothing of it then.
"""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, replace

from checkpoints import checkpoint, models
from core import plugins
from core.engine import Options
from core.machine import probe
from core.measure import Job
from core.scheme import Scheme

AUTO = "auto"
FIRST, SECOND = "vllm", "transformers"
COMPRESSED_TENSORS = "compressed-tensors"


@dataclass(frozen=True, kw_only=True)
class Service:
    """How a checkpoint is served: the `engine`, and whether its weights are decompressed before.

    `unserved` is why it is not loaded at all, `untimed` why it is scored only: its numbers are
    emulated, and speed and memory would be another format's.
    """

    engine: str
    decompressed: bool = False
    unserved: str | None = None
    untimed: str | None = None

    def refuses(self, job: Job) -> str | None:
        """Why a job is not run, None where it is."""
        timed = plugins.load("measures", job.measure).kind == "performance"
        return self.unserved or (self.untimed if timed else None)


def of(identity: models.Identity, engine: str, allow_fallback: bool) -> Service:
    """How a checkpoint that is there is served. Raises `UserError` where it cannot be read."""
    scheme = plugins.scheme(identity.scheme) if identity.ours else None
    declared = (checkpoint.read(identity.path).quantization or {}).get("quant_method")
    return _loadable(_service(identity.scheme, scheme, declared, engine, allow_fallback), declared)


def of_place(place: models.Place, engine: str, allow_fallback: bool) -> Service:
    """The same of a checkpoint that may not be made yet."""
    scheme = plugins.load("schemes", place.scheme)
    method = scheme.quant_method
    return _loadable(_service(place.scheme, scheme, method, engine, allow_fallback), method)


def _loadable(service: Service, method: str | None) -> Service:
    """The service; it loads nothing where its engine lacks what reads the method."""
    lacking = plugins.load("engines", service.engine).lacking(method)
    if lacking is None:
        return service
    why = f"{service.engine} needs the package {lacking} to load what {method} wrote"
    return replace(service, unserved=f"{why}, and it is not installed here")


def _service(
    name: str, scheme: Scheme | None, method: str | None, engine: str, allow_fallback: bool
) -> Service:
    first = possible(engine)[0]
    lacking = _lacking(name, scheme, method, allow_fallback)
    if not plugins.load("engines", first).needs_kernels:
        return _emulated(method, first, lacking or f"--engine {first}")
    if lacking is None:
        return Service(engine=first)
    if method == COMPRESSED_TENSORS and scheme is not None and scheme.activations is None:
        untimed = f"{lacking}; quality only: its weights are decompressed"
        return Service(engine=first, decompressed=True, untimed=untimed)
    if engine == AUTO:
        return _emulated(method, SECOND, lacking)
    return Service(engine=first, unserved=lacking)


def _emulated(method: str | None, engine: str, why: str) -> Service:
    """A checkpoint on an engine that has no kernels of its own, and so emulates some formats."""
    if method not in plugins.load("engines", engine).emulated_methods:
        return Service(engine=engine)
    return Service(engine=engine, untimed=f"{why}; quality only: {engine} emulates it")


def _lacking(
    name: str, scheme: Scheme | None, method: str | None, allow_fallback: bool
) -> str | None:
    """Why vLLM does not serve a format natively here; None where it does or it is not known."""
    here = probe()
    if scheme is None and method == "bitsandbytes":
        scheme = plugins.load("schemes", "BNB-NF4")  # all of its formats have the same kernels
    if scheme is None and method in plugins.load("engines", FIRST).unknown_methods:
        return f"{name} is not served natively here: {FIRST} does not know {method}"
    if scheme is None:
        return None
    verdict = scheme.verdict(here.compute_capability, here.cpu_flags)
    if verdict.kind == "native" or (verdict.kind == "fallback" and allow_fallback):
        return None
    hint = "; --allow_fallback measures that" if verdict.kind == "fallback" else ""
    return f"{name} is not served natively here: {verdict.reason}{hint}"


def possible(engine: str) -> tuple[str, ...]:
    """The engines that may serve a checkpoint."""
    if engine != AUTO:
        return (engine,)
    return (FIRST, SECOND) if _installed(FIRST) else (SECOND,)


def check(engine: str, options: Options) -> str:
    """The engine that is meant: `auto` is transformers on a device that vLLM does not compute on.

    Raises `UserError` for an engine that is not there, and for options it refuses.
    """
    if engine == AUTO and options.device != "auto":
        known = [
            e for e in possible(AUTO) if options.device in plugins.load("engines", e).devices()
        ]
        engine = AUTO if known == list(possible(AUTO)) else next(iter(known), AUTO)
    plugins.load("engines", possible(engine)[0]).check_options(options)
    return engine


def check_services(services: Iterable[Service], options: Options) -> None:
    """Raise `UserError` where an engine that is to serve something refuses the options."""
    for engine in dict.fromkeys(service.engine for service in services):
        plugins.load("engines", engine).check_options(options)


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
