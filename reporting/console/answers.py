"""What vllm_test.py prints: what is served, and its answers."""

from core import cli
from inspection.runtime import Runtime


def show(model: str, ran: Runtime) -> None:
    """The kernels on stderr, then each prompt with its answer."""
    if ran.served:
        kernels = sorted({name for names in ran.served["kernels"].values() for name in names})
        method = ran.served["quantization"] or "not compressed"
        cli.say(f"{model}: {method}, {', '.join(kernels)}")
    for answer in ran.answers:
        cli.out.print(f"> {answer['prompt']}", style="bold", markup=False, highlight=False)
        cli.out.print(answer["text"].strip() + "\n", markup=False, highlight=False)
