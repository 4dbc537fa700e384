"""One checkpoint on one engine: load it once, check what is served, run every measure.

`serve` runs in a clean child and emits plain data as it goes, so that what was measured before a
crash is kept. `run` is the parent's side.
"""

import contextlib
import multiprocessing
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import util
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, loading, models
from core import cli, plugins
from core.engine import Description, Engine, Options, WrongCheckpoint
from core.machine import probe
from core.measure import Job, Loaded
from guarding import bounded, shortage, templates
from running import child, contention, jobs, preload
from running.memory import Watch, resident_share

DECOMPRESSED, DECOMPRESSING = "weights are decompressed", "decompressing the weights"
ENDED = "ended:"  # begins the line of a log that says which measure ended, and when (Unix time)
TIMEOUT_S = 3600.0  # without a sign of life
RENDER_S = 60.0  # for one chat: a template is a program, and another chat may lead it elsewhere


@dataclass(frozen=True, kw_only=True)
class Session:
    """One load: which checkpoint on which engine, and the jobs to run on it, in order.

    What measures leave next to their records goes to the folder `output`. Kernels that compute in
    another format than the scheme's are a failure unless `allow_fallback`. Where `fingerprint` is
    set, the files that were loaded must have it. `decompressed` has their weights decompressed
    before, into the folder `weights` for as long as the load takes.
    """

    path: Path
    engine: str
    options: Options
    jobs: list[Job]
    output: Path = Path()
    allow_fallback: bool = False
    fingerprint: str | None = None
    decompressed: bool = False
    weights: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one job: its raw values, or why there are none.

    `unsupported` says that it cannot be had here rather than failed. `contention` is what else the
    machine did meanwhile; in the first job's the load is included.
    """

    raw: dict[str, Any] | None = None
    reason: str | None = None
    unsupported: bool = False
    contention: dict[str, float] | None = None


@dataclass(kw_only=True)
class Result:
    """What a session found: an outcome for every job it reached, and why it ended early if so.

    `doing` is the step it was at; where its process `died`, another may end well.
    """

    description: dict[str, Any] | None = None
    outcomes: dict[Job, Outcome] = field(default_factory=dict)
    reason: str | None = None
    died: bool = False
    doing: str = ""

    def of(self, job: Job) -> Outcome:
        """What came of a job; of one that was not reached, why."""
        missed = Outcome(reason=self.reason or "was not reached")
        return self.outcomes.get(job, missed)


Ended = Callable[[Job, Outcome, dict[str, Any] | None], None]  # with what is served


def run(
    session: Session,
    log: Path,
    tell: cli.Tell = lambda step, done, total: None,
    timeout_s: float = TIMEOUT_S,
    ended: Ended = lambda job, outcome, served: None,
) -> Result:
    """Load a checkpoint and run its jobs in a clean child, which is killed after `timeout_s`
    seconds without a sign of life. Failures are in the result, never raised.

    `tell` hears of each step and how far it is, and `ended` is called as soon as a job has ended;
    the next one waits for it.
    """
    result = Result()

    def explained(reason: str | None, job: Job | None) -> str | None:
        served = (session.path, session.engine, session.options, result.description)
        what = shortage.Load(*served, result.doing, job, session.decompressed)
        return shortage.explained(reason, what)

    def on_event(event: tuple[str, Any]) -> None:
        kind, payload = event
        if kind == "step":
            tell(payload, 0, 0)
            result.doing = payload
        elif kind == "tick":
            tell(result.doing, *payload)
        elif kind == "loaded":
            result.description = payload
        elif kind == "ended":
            job, outcome = session.jobs[payload[0]], payload[1]
            outcome = replace(outcome, reason=explained(outcome.reason, job))
            result.outcomes[job] = outcome
            ended(job, outcome, result.description)

    result.doing = DECOMPRESSING if session.decompressed else ""
    with _weights(session, log, tell, timeout_s) as (ready, problem):
        reason = problem or child.run(serve, (ready,), log, timeout_s, on_event)
    result.died = isinstance(reason, child.Died)
    left = (job for job in session.jobs if job not in result.outcomes)
    result.reason = explained(reason, next(left, None))
    return result


@contextlib.contextmanager
def _weights(
    session: Session, log: Path, tell: cli.Tell, timeout_s: float
) -> Iterator[tuple[Session, str | None]]:
    """The session with its weights decompressed where they are to be, or why they could not be.

    In a child of their own: an engine is not forked from a process that has computed.
    """
    if not session.decompressed:
        yield session, None
        return
    tell(DECOMPRESSING, 0, 0)
    with tempfile.TemporaryDirectory(dir=util.get_temp_dir()) as folder:
        weights = Path(folder) / session.path.name
        given = session.path, weights, session.options.trust_remote_code
        problem = child.run(_decompress, given, log, timeout_s, lambda event: None)
        yield replace(session, weights=weights), problem


def _decompress(emit: child.Emit, source: Path, output: Path, trust_remote_code: bool) -> None:
    loading.write_decompressed(source, output, trust_remote_code)


def serve(emit: child.Emit, session: Session) -> None:
    """The child's side. Emits ("step" | "loaded" | "tick" | "ended", payload)."""
    if preload.cuda_initialized():
        raise RuntimeError("a CUDA context was made before this process was forked")
    files = checkpoint.read(session.path)
    cached = resident_share(files.files)
    engine_class = plugins.load("engines", session.engine)
    if not engine_class.simulated:
        templates.check(session.path)
    device = engine_class.device(session.options)
    gpus = probe().on(device).gpus[: session.options.tensor_parallel_size]
    command = multiprocessing.parent_process()
    others = contention.Watch(command.pid if command and command.pid else os.getpid(), gpus)
    with Watch([gpu.uuid for gpu in gpus], device) as watch:
        memory = {"idle": watch.mark()}
        emit(("step", jobs.LOADING))
        started = time.monotonic()
        with engine_class(session.weights or session.path, _in_its_dtype(session)) as engine:
            engine_s = time.monotonic() - started
            memory["loaded"] = watch.mark()
            _check_same(session)
            description = engine.describe()
            if session.weights:
                description = replace(description, emulated=DECOMPRESSED)
            emit(("loaded", asdict(description)))
            if not session.weights:
                check_method(files, description, engine_class)
            engine.check_served(description, session.allow_fallback)
            timing = {
                "load_s": child.start_s + engine_s,
                "engine_s": engine_s,
                "import_s": preload.SECONDS or None,
                "page_cache": cached,
                "compile_cache": engine.compile_cache,
            }

            def tick(done: int = 0, total: int = 0) -> None:
                emit(("tick", (done, total)))

            _bound_rendering(engine)
            loaded = Loaded(engine, description, timing, files.nbytes, tick, memory, session.output)
            for number, job in enumerate(session.jobs):
                emit(("step", jobs.doing(job)))
                outcome = _emulated(job, description) or _run_job(job, loaded)
                memory[f"{number}:{job.measure}"] = watch.mark()
                if not engine_class.simulated:  # nothing spoils a made-up clock
                    outcome = replace(outcome, contention=others.mark())
                emit(("ended", (number, outcome)))
                print(f"{ENDED} {job.measure} {time.time():.3f}", flush=True)  # in the log


def _in_its_dtype(session: Session) -> Options:
    """The options the engine gets: a scheme that is a dtype is served in it, unless another is
    asked for. Engines take their own otherwise: vLLM serves float32 checkpoints in 16 bits.
    """
    identity = models.identify(str(session.path))
    scheme = plugins.scheme(identity.scheme) if identity.ours else None
    own = scheme.dtype if scheme else None
    asked = session.options.dtype
    return replace(session.options, dtype=own if own and asked == "auto" else asked)


def _emulated(job: Job, served: Description) -> Outcome | None:
    """Why a measure of speed or memory says nothing of what is served; None where it does."""
    if served.emulated is None or plugins.load("measures", job.measure).kind != "performance":
        return None
    reason = f"{served.engine} emulates this format ({served.emulated}): quality only"
    return Outcome(reason=reason, unsupported=True)


def _run_job(job: Job, loaded: Loaded) -> Outcome:
    """Run one measure; its failure is an outcome and the next one still runs.

    So is a `sys.exit` in a user's metric or task.
    """
    try:
        return Outcome(raw=plugins.load("measures", job.measure).run(loaded, job.settings))
    except (Exception, SystemExit) as problem:
        traceback.print_exc()  # into the session's log
        return Outcome(reason=child.sentence(problem))


def _bound_rendering(engine: Engine) -> None:
    """Have this process killed when the template takes longer than `RENDER_S` over one chat.

    One that wants more memory than `templates.EXTRA_BYTES` fails. For every measure: none need
    think of it.
    """
    render = engine.render_chat

    def rendered(messages: list[dict[str, str]], answer: bool = True) -> str | None:
        child.limit("the chat template", RENDER_S)
        try:
            with bounded.memory(templates.EXTRA_BYTES, "the chat template"):
                return render(messages, answer)
        finally:
            child.limit()

    engine.render_chat = rendered  # type: ignore[method-assign]


def _check_same(session: Session) -> None:
    """Raise `WrongCheckpoint` when other files were loaded than the records will name."""
    loaded = checkpoint.read(session.path).fingerprint
    if session.fingerprint and loaded != session.fingerprint:
        raise WrongCheckpoint("the checkpoint was exchanged while it was being loaded")


def check_method(files: checkpoint.Checkpoint, served: Description, engine: type[Engine]) -> None:
    """Raise `WrongCheckpoint` when another quantization is served than the files declare."""
    declared = (files.quantization or {}).get("quant_method")
    if declared != engine.method(served.quantization):
        raise WrongCheckpoint(
            f"the checkpoint declares {declared or 'no quantization'}, "
            f"the engine serves {served.quantization or 'none'}"
        )
