"""The simple inference check: load a checkpoint, answer a few prompts, show the text.

    python vllm_test.py llama3_8b-INT4-W4A16
    python vllm_test.py demo --prompt "Question: What colour is the mineral Klugine?"

Chat models get the prompt through their chat template; `--raw` sends it as it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from checkpoints import checkpoint, models
from core import arguments, cli
from core.engine import Options
from core.errors import UserError

if TYPE_CHECKING:
    pass

LOG = Path("build/logs/vllm_test.log")


def ask(
    model: str,
    engine: str,
    options: Options,
    prompts: tuple[str, ...],
    max_new_tokens: int,
    raw: bool,
) -> dict[str, Any]:
    """Load `model` in a clean child and answer; raises `UserError` when it cannot be served."""
    from inspection import runtime
    from running import session

    identity = models.identify(model)
    checkpoint.read(identity.path)
    refusal = session.impossible(identity, engine, allow_fallback=True)
    if refusal:
        raise UserError(refusal)
    found = runtime.run(identity.path, engine, options, LOG, prompts, max_new_tokens, raw)
    return {"model": model, **found.as_json()}


def main(
    model: Annotated[str, typer.Argument(help="checkpoint folder, or `demo`")],
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", help="what to ask; may be given again")
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max_new_tokens", min=1, help="longest answer")
    ] = 64,
    raw: Annotated[bool, typer.Option("--raw", help="no chat template")] = False,
    engine: arguments.EngineName = "vllm",
    dtype: arguments.Dtype = Options.dtype,
    max_model_len: arguments.MaxModelLen = None,
    tensor_parallel_size: arguments.TensorParallelSize = Options.tensor_parallel_size,
    trust_remote_code: arguments.TrustRemoteCode = False,
    json_: arguments.Json = False,
) -> None:
    """Load a checkpoint and answer a few prompts."""
    from inspection.runtime import PROMPTS
    from running import session

    session.check_dtype(dtype, engine)
    options = Options(
        max_model_len=max_model_len,
        dtype=dtype,
        enforce_eager=True,
        tensor_parallel_size=tensor_parallel_size,
        trust_remote_code=trust_remote_code,
    )
    with cli.err.status(f"{model}: loading"):
        found = ask(model, engine, options, tuple(prompt or PROMPTS), max_new_tokens, raw)
    if json_:
        cli.print_json(found)
    else:
        _show(found)
    if found["failed"]:
        cli.say(f"error: {found['failed']} (log: {LOG})", "red")
        raise typer.Exit(cli.FAILED)


def _show(found: dict[str, Any]) -> None:
    served = found["served"]
    if served:
        kernels = sorted({name for names in served["kernels"].values() for name in names})
        cli.say(
            f"{found['model']}: {served['quantization'] or 'not compressed'}, {', '.join(kernels)}"
        )
    for one in found["answers"]:
        cli.out.print(f"> {one['prompt']}", style="bold", markup=False, highlight=False)
        cli.out.print(one["text"].strip() + "\n", markup=False, highlight=False)


app = cli.application(main)

if __name__ == "__main__":
    app()
