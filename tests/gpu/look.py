"""In the child: serve a checkpoint with CUDA graphs, answer, and see which CUDA kernels run."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import plugins
from core.engine import Engine, Options, Sampling

# What the names of a linear layer's CUDA kernels contain, by the class vLLM says it uses. The
# classes are those vLLM 0.26.0 and 0.32.0 choose for the schemes here at 7.5 to 12.0, FlashInfer,
# Humming and DeepGEMM present or not.
CUDA_NAMES = {
    "Unquantized": r"gemm|nvjet|cublas|cutlass|gemv|splitk",
    "Marlin": r"marlin",
    "Machete": r"machete|cutlass",
    "Cutlass": r"cutlass|scaled_mm",
    "FlashInfer": r"flashinfer|cutlass|bmm|gemm|nvjet",
    "Triton": r"triton|scaled_mm|_kernel",
    "DeepGemm": r"deep_gemm|fp8_gemm|sm90|sm100",
    "Humming": r"humming",
    "Torch": r"gemm|nvjet|cublas|cutlass|scaled_mm",
}
ONLY_QUANTIZED = re.compile(r"marlin|machete|scaled_mm|deep_gemm", re.IGNORECASE)


def watch(emit: Any, path: str, prompts: list[str], new_tokens: int) -> None:
    """Emits plain data: answers, prompts as ids, description, load phases, CUDA kernel names."""
    options = Options(max_model_len=512, max_num_seqs=16)
    with plugins.load("engines", "vllm")(Path(path), options) as engine:
        ids = [engine.encode_chat(prompt) for prompt in prompts]
        answers = engine.generate(ids, Sampling(max_new_tokens=new_tokens, ignore_eos=False))
        emit(
            {
                "prompts": ids,
                "answers": [answer.token_ids for answer in answers],
                "served": asdict(engine.describe()),
                "phases": dict(engine.load_phases),
                "cuda_kernels": cuda_kernels(engine, ids),
            }
        )


def cuda_kernels(engine: Engine, prompts: list[list[int]]) -> list[str]:
    """Names of every kernel that runs while the prompts are answered once more."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    if not torch.cuda.is_available():
        return []
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        engine.generate(prompts, Sampling(max_new_tokens=4))
    return sorted({event.name for event in seen.events()})


def expected(kernel: str) -> str | None:
    """The pattern for a class as `describe()` names it (`Scheme/Kernel`), None when unknown."""
    name = kernel.rpartition("/")[2]
    patterns = (pattern for start, pattern in CUDA_NAMES.items() if start.lower() in name.lower())
    return next(patterns, None)


def agreement(prompts: list[list[int]], answers: list[list[int]]) -> float:
    """Share of answered tokens the uncompressed demo model chooses too, after the same tokens."""
    import torch
    from transformers import AutoModelForCausalLM

    from checkpoints.models import DEMO_PATH

    reference = AutoModelForCausalLM.from_pretrained(DEMO_PATH, dtype=torch.float32)
    same = total = 0
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            best = reference(ids).logits[0].argmax(-1).tolist()
        chosen = best[len(prompt) - 1 : -1]
        same += sum(a == b for a, b in zip(chosen, answer, strict=True))
        total += len(answer)
    return same / total
