"""What vllm_test.py prints: what is served, and its answers."""

from core import cli
from inspection.runtime import Runtime


def show(model: str, ran: Runtime) -> None:
    """The kernels on stderr, then each prompt with its answer, line by line and only shown."""
    if ran.served:
        kernels = sorted({name for names in ran.served["kernels"].values() for name in names})
        method = ran.served["quantization"] or "not compressed"
        cli.say(f"{model}: {method}, {', '.join(kernels)}")
    for answer in ran.answers:
        for number, line in enumerate(cli.printable(answer["prompt"]).split("\n")):
            cli.show(f"  {line}" if number else f"> {line}", "bold")
        for line in cli.printable(answer["text"]).strip().split("\n"):
            cli.show(line)
        cli.show("")
