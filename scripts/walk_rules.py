"""What `scripts/walk_docs.py` does not run as printed, and why: all of it is listed here.

Patterns are those of file names, for the whole command without its comment.
"""

import hashlib
import json
import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

NETWORK = "needs a network"
GPU = "needs a GPU"
SERVER = "runs until it is stopped, or asks such a server"
BUNDLE = "on a host set up with a bundle"
EXAMPLE = "an example's name"
LEFT_OUT = {
    "python download_model.py*": NETWORK,
    "make bundle*": NETWORK,
    "vllm serve *": SERVER,
    "*vllm bench serve *": SERVER,
    "python benchmark_MODEL.py *": "another project's",
    "python compare_memory_usage.py *": "another project's",
    "python visualize_benchmark.py *": "another project's",
    'python -c "import torch; print(torch.cuda*': GPU,
    "CUDA_VISIBLE_DEVICES=*": GPU,
    "python pipeline.py * --tensor_parallel_size 2": GPU,
    "rsync *": "needs another machine",
    "bash install.sh*": BUNDLE,
    "python3 -m pip freeze": BUNDLE,
    "python3 compress.py ...": BUNDLE,
    "python3 -m pytest -m gpu tests/gpu": GPU,
    "make test-gpu": GPU,
    "python analyze.py somebodys-*": EXAMPLE,
}
LONG = {
    "make demo": "six minutes",
    "python analyze.py demo-INT4-W4A16": "a checkpoint of make demo",
    "python score.py --model demo-INT8-W8A16 *": "a checkpoint of make demo",
    "make test": "fifteen minutes",
    "make test-fast": "five minutes",
    "make fuzz": "ten thousand checkpoints",
    "make walk": "is this",
    "make mutants": "two minutes",
    "python scripts/attack.py": "every attack",
    "python scripts/crash_test.py*": "hundreds of killed commands",
    "python scripts/bench_*": "measures for minutes",
    "python scripts/try_architectures.py*": "compresses twenty architectures",
}
# Options that only make a command's work less; the last one of a name counts.
TEXT = "--num_calibration_samples 4 --max_sequence_length 32"
# pages show several ways to make the same checkpoint
CALIBRATION = f"{TEXT} --force"
LOAD = "--enforce_eager --max_model_len 1024"
SPEED = "--prompt_tokens 8 --max_new_tokens 8 --repeats 1 --num_prompts 1 --batch_sizes 1,2"
QUALITY = "--limit 4 --num_fewshot 1 --perplexity_tokens 1024 --divergence_tokens 1024"
PIPELINE = f"{TEXT} {LOAD} {SPEED} {QUALITY} --rounds 1 --schemes INT8-W8A8"
SMALLER = {
    "python compress.py*": CALIBRATION,
    "python benchmark.py*": f"{LOAD} {SPEED}",
    "python score.py*": f"{LOAD} {QUALITY}",
    "python pipeline.py*": PIPELINE,
    "bash run_benchmark.sh*": PIPELINE,
    "bash run_benchmark_lm-eval.sh*": f"{LOAD} {QUALITY}",
    "*bash run_benchmark_lm-eval.sh*": f"{LOAD} {QUALITY}",
    "python analyze.py *--base*": TEXT,
}
# What pages call something of the reader's, and what it is here.
EXAMPLES = {
    r"\bMODEL(_1)?\b": "llama3_8b",
    r"\bCHECKPOINT\b": "llama3_8b-INT8-W8A8",
    r"\b(complex|custom)_prompts\.json": "demo/data/prompts.json",
}
# Commands that are there to change files git knows.
CHANGE_FILES = ("make docs", "make format")
# Other exit codes than 0 that the pages promise.
EXIT_CODES = {
    "python analyze.py INT8-W8A8 --target sm_100": (1,),  # it will not run there
    "python report.py --compare *": (0, 3),  # 3: something got slower
    "python report.py --history*": (0, 3),
    "python benchmark.py --model demo-INT4-W4A16-G64": (0, 1),  # 1: no AVX-512, so no kernel
}


def _match(command: str, table: dict[str, str]) -> str | None:
    return next((what for pattern, what in table.items() if fnmatchcase(command, pattern)), None)


def left_out(command: str, everything: bool) -> str | None:
    """Why a command is not run, None where it is."""
    return _match(command, LEFT_OUT if everything else LEFT_OUT | LONG)


def smaller(shown: str, command: str) -> str:
    """The command with options that make its work less."""
    options = _match(shown, SMALLER)
    code, hash_, comment = command.partition("  #")
    return f"{code} {options}{hash_}{comment}" if options else command


def exit_codes(command: str) -> tuple[int, ...]:
    """Exit codes with which it may end."""
    expected = (codes for pattern, codes in EXIT_CODES.items() if fnmatchcase(command, pattern))
    return next(expected, (0,))


def replaced(command: str, clone: Path) -> str:
    """The command about what is there: the reader's model, the first and the newest run.

    A processor without AVX-512 has no kernel for INT4: INT8 stands for it.
    """
    for example, here in EXAMPLES.items():
        command = re.sub(example, here, command)
    records = (clone / "perf_results").glob("llama3_8b-BASE/*.json")
    runs = sorted({json.loads(path.read_text())["run_id"] for path in records})
    if runs:
        command = command.replace("20260101T", runs[0]).replace("20260201T", runs[-1])
    if "avx512f" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        command = re.sub(r"(llama3_8b-|type )INT4-W4A16(?![\w-])", r"\1INT8-W8A8", command)
    return command


# what download_model.py --datasets would fetch: file of the demo's data, name as published
DATA = {
    "gsm8k_train": "gsm8k_train", "gsm8k_test": "gsm8k_test", "hellaswag_train": "hellaswag_train",
    "hellaswag_validation": "hellaswag_val", "piqa_train": "piqa_train",
    "piqa_validation": "piqa_valid", "arc_easy_train": "ARC-Easy-Train",
    "arc_easy_test": "ARC-Easy-Test",
}  # fmt: skip
CHATS = "HuggingFaceH4--ultrachat_200k/data/train_sft-00000-of-00001.parquet"
WIKITEXT = "EleutherAI--wikitext_document_level/wikitext-2-raw-v1/test-00000-of-00001.parquet"


def sha256(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stand_in(clone: Path) -> None:
    """The demo model and its data under the names of those that download_model.py would fetch."""
    from datasets import Dataset

    shutil.copytree(clone / "demo" / "model", clone / "llama3_8b")
    files = [{"path": p.name, "sha256": sha256(p)} for p in (clone / "llama3_8b").iterdir()]
    (clone / "llama3_8b" / "download.json").write_text(json.dumps({"files": files}))
    data, cache = clone / "demo" / "data", clone / "datasets_cache"
    for parquet in (CHATS, WIKITEXT):
        (cache / parquet).parent.mkdir(parents=True)
    for name, published in DATA.items():
        shutil.copyfile(data / f"{name}.jsonl", cache / f"{published}.jsonl")
    chats = (data / "ultrachat_calibration.jsonl").read_text(encoding="utf-8").splitlines()
    Dataset.from_list([json.loads(chat) for chat in chats]).to_parquet(cache / CHATS)
    text = (data / "perplexity.txt").read_text(encoding="utf-8")
    Dataset.from_dict({"page": [text]}).to_parquet(cache / WIKITEXT)
