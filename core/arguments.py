"""Options that several commands share: spelled, explained and bounded once.

Their defaults stand where they are used: in `core.engine.Options`, `core.measure.Workload` and
`compress.Settings`.
"""

from pathlib import Path
from typing import Annotated, Any

import typer


def _option(name: str, help_: str, **limits: Any) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(f"--{name}", help=help_, **limits)
    return option


ModelId = Annotated[str, _option("model_id", "model folder, or `demo` for the built-in model")]
Samples = Annotated[int, _option("num_calibration_samples", "documents to calibrate on", min=1)]
Length = Annotated[int, _option("max_sequence_length", "tokens kept of each document", min=1)]
Calibration = Annotated[
    str | None, _option("calibration", "ultrachat, demo or FILE.jsonl with messages or text")
]
OutputDir = Annotated[Path, _option("output_dir", "folder in which {model_id}-{scheme}/ is made")]
TrustRemoteCode = Annotated[
    bool, _option("trust_remote_code", "run Python code shipped with the model")
]
Json = Annotated[bool, _option("json", "print one JSON document as the last line")]

EngineName = Annotated[str, _option("engine", "what serves it: vllm or fake")]
Dtype = Annotated[str, _option("dtype", "activations: auto, bfloat16, float16 or float32")]
MaxModelLen = Annotated[
    int | None, _option("max_model_len", "longest request in tokens; by default the model's", min=1)
]
TensorParallelSize = Annotated[
    int, _option("tensor_parallel_size", "GPUs to split the model over", min=1)
]
GpuMemoryUtilization = Annotated[
    float, _option("gpu_memory_utilization", "share of a GPU the engine takes", min=0.05, max=1)
]
KvCacheMemoryBytes = Annotated[
    int | None, _option("kv_cache_memory_bytes", "a fixed size for the KV cache", min=1)
]
EnforceEager = Annotated[
    bool,
    _option("enforce_eager", "no torch.compile, no CUDA graphs: loads faster, answers slower"),
]
AllowFallback = Annotated[
    bool, _option("allow_fallback", "measure schemes that this GPU only runs weight-only")
]

BatchSizes = Annotated[str, _option("batch_sizes", "requests sent together, like 1,8,32")]
NumPrompts = Annotated[int, _option("num_prompts", "requests sent one at a time", min=1)]
PromptTokens = Annotated[int, _option("prompt_tokens", "tokens of each prompt", min=1)]
MaxNewTokens = Annotated[int, _option("max_new_tokens", "tokens generated for each", min=1)]
Repeats = Annotated[int, _option("repeats", "timed repeats; an interval needs two", min=1)]
Rounds = Annotated[
    int, _option("rounds", "fresh loads of every checkpoint, taking turns: A B C A B C", min=1)
]
Seed = Annotated[int, _option("seed", "chooses calibration text and prompts")]
ResultsDir = Annotated[Path, _option("results_dir", "where records go")]
EvalResultsDir = Annotated[Path, _option("eval_results_dir", "where quality records go")]

TaskNames = Annotated[
    str | None,
    _option("tasks", "lm-eval tasks like gsm8k,mmlu; `demo` for the demo model's, or none"),
]
NumFewshot = Annotated[
    int | None, _option("num_fewshot", "shots; by default what the task says, else 5", min=0)
]
Limit = Annotated[int, _option("limit", "documents of each task; 0 is all", min=0)]
ApplyChatTemplate = Annotated[
    bool, _option("apply_chat_template", "ask tasks as chats, as the model's template writes them")
]
IncludePath = Annotated[Path | None, _option("include_path", "a folder with further task files")]
DataDir = Annotated[Path, _option("data_dir", "data sets as downloaded or as published")]
TextSource = Annotated[
    str | None, _option("text", "text for perplexity and divergence: wikitext, demo, a file, none")
]
PerplexityTokens = Annotated[
    int, _option("perplexity_tokens", "tokens of the text to use; 0 is all", min=0)
]
DivergenceTokens = Annotated[
    int, _option("divergence_tokens", "tokens to compare distributions on; 0 for none", min=0)
]
PromptsFile = Annotated[
    Path | None, _option("prompts_file", 'JSON list of {"prompt": ..., "reference": ...}')
]
Margin = Annotated[
    str, _option("margin", "accepted loss: points (1), recovery (99%), INT4-W4A16=2 for a scheme")
]
