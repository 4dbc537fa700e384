"""Growing input: one request at a time with longer and longer prompts, as a stress run.

What one user waits for the first token grows with the prompt, and the KV cache slows the others.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from core.errors import UserError
from core.measure import Loaded, Measure, Raw, ServedBase, Shown, Workload
from core.options import option
from measures import _requests, sequential


@dataclass(frozen=True, kw_only=True)
class GrowingOptions(_requests.LoadOptions):
    """How long the prompts are; what is generated for each is as for every load."""

    growing_prompts: Annotated[
        str, option("a stress run: prompts of so many tokens, like 128,512,2048; empty for none")
    ] = ""

    def lengths(self) -> list[int]:
        """`128,512` as numbers. Raises `UserError` for anything else."""
        try:
            lengths = [int(part) for part in self.growing_prompts.split(",") if part.strip()]
        except ValueError:
            lengths = [0]
        if lengths and min(lengths) < 1:
            raise UserError(
                f"--growing_prompts wants numbers like 128,512, not {self.growing_prompts!r}"
            )
        return sorted(set(lengths))


def plan(options: GrowingOptions, base: ServedBase) -> list[Workload]:
    """One job a length. Raises `UserError` for lengths that do not fit the context."""
    planned = []
    for length in options.lengths():
        load = replace(options, prompt_tokens=length, num_prompts=1, prompts_file=None)
        planned += _requests.plan(load, base)
    return planned


def run(loaded: Loaded, workload: Workload) -> Raw:
    """One prompt of the length, per repeat."""
    return sequential.run(loaded, workload)


MEASURE = Measure(
    summary="one request with longer and longer prompts: a stress run",
    kind="performance",
    quantities={
        name: replace(quantity, in_summary=False, chart="", change="none")
        for name, quantity in sequential.MEASURE.quantities.items()
    },
    run=run,
    figures=_requests.figures,
    options=GrowingOptions,
    plan=plan,
    varies="prompt_tokens",
    shown=Shown(
        place=5,
        title="Growing input",
        load="a prompt of {} tokens",
        load_of_one="a prompt of 1 token",
        step=_requests.STEP,
        derive=_requests.total("requests"),
        headline="e2e_latency_s",
        headline_title="latency, {}",
    ),
)
