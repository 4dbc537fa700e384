"""What scripts/gpu_results.py measures: its options, and the plan that is made of them."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from checkpoints import models
from compressing import missing
from compressing.settings import Settings
from core.engine import Options
from core.errors import UserError
from core.measure import OPEN_SIZE, Job, ServedBase
from core.options import option
from measures._requests import LoadOptions
from running import jobs
from running.run import Run

# One scheme per kernel first, by round to nearest, which takes seconds and serves as fast as the
# others; then the methods whose time to compress is of interest.
ORDER = (
    "BASE", "FP8-W8A8", "INT4-W4A16-RTN", "INT8-W8A8-RTN", "INT8-W8A16-RTN", "FP8-W8A8-KV8",
    "NVFP4A16", "FP8-W8A8-BLOCK", "INT4-W4A16", "INT8-W8A8", "INT8-W8A16", "INT4-W4A16-AWQ",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured: schemes in order, loads as (tokens in, tokens out), batch sizes."""

    model_id: str
    schemes: list[str]
    workloads: list[tuple[int, int]]
    batch_sizes: str
    repeats: int
    num_prompts: int
    settings: Settings
    options: Options

    def jobs(self, base: ServedBase) -> list[Job]:
        """Every measure of each load of a checkpoint: load first, memory last."""
        planned: list[Job] = []
        for prompt_tokens, new_tokens in self.workloads:
            load = LoadOptions(
                batch_sizes=self.batch_sizes,
                num_prompts=self.num_prompts,
                prompt_tokens=prompt_tokens,
                max_new_tokens=new_tokens,
                repeats=self.repeats,
            )
            given = vars(load)
            groups = jobs.option_groups("performance")
            chosen = {name: group(**given) for name, group in groups.items()}
            planned += jobs.plan(chosen, base)
        middle = (job for job in planned if job.measure not in ("load", "memory"))
        return [planned[0], *middle, planned[-1]]

    @property
    def run(self) -> Run:
        """How each scheme is served; records go below the current folder."""
        results = Path("perf_results")
        return Run(engine="vllm", options=self.options, results=results, eval_results=results)

    def keep(self) -> None:
        """Note the plan in the current folder; more schemes than there may be added later.

        Raises `UserError` when the folder holds steps of another plan.
        """
        path = Path("plan.json")
        text = json.dumps({**asdict(self), "schemes": None}) + "\n"
        if path.is_file() and path.read_text() != text:
            raise UserError(
                f"{Path.cwd().name}/ holds results of other loads or settings: choose another --out"
            )
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What to measure, as the command line takes it."""

    schemes: Annotated[str, option("names with commas")] = ",".join(ORDER)
    workloads: Annotated[str, option("tokens in:out")] = "1024:128"
    batch_sizes: Annotated[str, option("requests sent together")] = "8,32,128"
    repeats: Annotated[int, option("timed repeats", min=1)] = 3
    num_prompts: Annotated[int, option("requests sent one at a time", min=1)] = 1
    num_calibration_samples: Annotated[int, option("documents to calibrate on", min=1)] = 64
    max_sequence_length: Annotated[int, option("tokens kept of each", min=1)] = 512
    enforce_eager: Annotated[bool, option("no torch.compile, no CUDA graphs")] = False

    def small(self) -> "PlanOptions":
        """The same for the demo model: two schemes and a load that any machine can take."""
        return replace(
            self,
            schemes="BASE,FP8-W8A8",
            workloads="32:8",
            batch_sizes="2,4",
            repeats=2,
            num_calibration_samples=8,
            max_sequence_length=64,
            enforce_eager=True,
        )

    def plan(self, model_id: str) -> Plan:
        """The plan for a model. Raises `UserError` for loads, batch sizes and schemes amiss."""
        workloads, sizes = (
            self.parsed_workloads(),
            LoadOptions(batch_sizes=self.batch_sizes).sizes(),
        )
        if OPEN_SIZE in sizes:
            raise UserError("--batch_sizes wants numbers here: one plan is for many steps")
        return Plan(
            model_id=model_id,
            schemes=missing.choose(self.schemes),
            workloads=workloads,
            batch_sizes=self.batch_sizes,
            repeats=self.repeats,
            num_prompts=self.num_prompts,
            settings=Settings(
                num_calibration_samples=self.num_calibration_samples,
                max_sequence_length=self.max_sequence_length,
                calibration=models.DEMO,
            ),
            options=Options(
                enforce_eager=self.enforce_eager,
                max_model_len=max(map(sum, workloads)) + 16,
                max_num_seqs=max(256, *sizes),
            ),
        )

    def parsed_workloads(self) -> list[tuple[int, int]]:
        """`1024:128,128:1024` as pairs. Raises `UserError` for anything else."""
        text = self.workloads
        try:
            pairs = [tuple(int(n) for n in part.split(":")) for part in text.split(",")]
        except ValueError:
            pairs = []
        if not pairs or any(len(p) != 2 or min(p) < 1 for p in pairs):
            raise UserError(f"--workloads wants tokens in:out like 1024:128,128:1024, not {text!r}")
        return [(p[0], p[1]) for p in pairs]
