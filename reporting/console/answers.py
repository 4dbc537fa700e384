"""What vllm_test.py prints: what is served, and its answers."""

from rich.text import Text

from core import cli
from inspection.runtime import Runtime


def show(model: str, ran: Runtime) -> None:
    """The kernels on stderr, then each prompt with its answer; what a model wrote is only shown."""
    if ran.served:
        kernels = sorted({name for names in ran.served["kernels"].values() for name in names})
        method = ran.served["quantization"] or "not compressed"
        cli.say(f"{model}: {method}, {', '.join(kernels)}")
    for answer in ran.answers:
        prompt, text = (cli.printable(answer[part]) for part in ("prompt", "text"))
        cli.out.print(Text(f"> {prompt}", style="bold"), highlight=False)
        cli.out.print(Text(f"{text.strip()}\n"), highlight=False)
