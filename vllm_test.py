"""The simple inference check: load a checkpoint, answer a few prompts, show the text.

    python vllm_test.py llama3_8b-INT4-W4A16
    python vllm_test.py demo --prompt "Question: What colour is the mineral Klugine?"

Chat models get the prompt through their chat template; `--raw` sends it as it is.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import arguments, checkpoint, cli, models, plugins
from core.engine import Options, Sampling
from core.errors import UserError

if TYPE_CHECKING:
    from core.child import Emit

PROMPTS = (
    "Jack has 3 boxes with 12 apples in each. How many apples does Jack have?",
    "What can I do to keep bread fresh?",
    "Tell me about the capital of France.",
)
LOG = Path("build/logs/vllm_test.log")
TIMEOUT_S = 1800.0


def answer(
    emit: "Emit",
    path: str,
    engine_name: str,
    options: Options,
    prompts: list[str],
    max_new_tokens: int,
    raw: bool,
) -> None:
    """The child's side: emits ("loaded", description), then ("answer", ...) for each prompt."""
    engine_class = plugins.load("engines", engine_name)
    sampling = Sampling(max_new_tokens=max_new_tokens, ignore_eos=False)
    with engine_class(Path(path), options) as engine:
        emit(("loaded", asdict(engine.describe())))
        ids = [engine.encode(prompt) if raw else engine.encode_chat(prompt) for prompt in prompts]
        for prompt, completion in zip(prompts, engine.generate(ids, sampling), strict=True):
            text = engine.decode(completion.token_ids)
            emit(("answer", {"prompt": prompt, "answer": text, "token_ids": completion.token_ids}))


def ask(
    model: str, engine: str, options: Options, prompts: list[str], max_new_tokens: int, raw: bool
) -> dict[str, Any]:
    """Load `model` in a clean child and answer; raises `UserError` when it cannot be served."""
    from core import child, session

    identity = models.identify(model)
    checkpoint.read(identity.path)
    refusal = session.impossible(identity, engine, allow_fallback=True)
    if refusal:
        raise UserError(refusal)
    found: dict[str, Any] = {"model": model, "served": None, "answers": []}

    def on_event(event: tuple[str, Any]) -> None:
        if event[0] == "loaded":
            found["served"] = event[1]
        else:
            found["answers"].append(event[1])

    session.prepare(engine, [], LOG.parent)
    arguments = (str(identity.path), engine, options, prompts, max_new_tokens, raw)
    reason = child.run(answer, arguments, LOG, TIMEOUT_S, on_event)
    return {**found, "failed": reason}


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
    from core import session

    session.check_dtype(dtype, engine)
    options = Options(
        max_model_len=max_model_len, dtype=dtype, enforce_eager=True,
        tensor_parallel_size=tensor_parallel_size,
        trust_remote_code=trust_remote_code,
    )  # fmt: skip
    with cli.err.status(f"{model}: loading"):
        found = ask(model, engine, options, list(prompt or PROMPTS), max_new_tokens, raw)
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
        cli.out.print(one["answer"].strip() + "\n", markup=False, highlight=False)


app = cli.application(main)

if __name__ == "__main__":
    app()
