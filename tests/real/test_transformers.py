"""The engine of transformers beside vLLM's: the same checkpoint answers and scores alike."""

import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.models import DEMO_PATH
from core import plugins
from core.engine import Options, Sampling
from core.measure import Job, Workload
from core.plugins import ROOT
from core.records import load_all
from guarding import shortage
from measures.divergence import _compare
from running import child
from tests.conftest import Run
from tests.real.conftest import RealRun

pytestmark = pytest.mark.real
PROMPTS, TOKENS = 100, 64
EMULATED, WINDOW, WINDOWS = ("INT8-W8A8", "FP8-W8A8"), 256, 12


def ask(engine: str, answers_file: str) -> None:
    """In a process of its own: greedy answers, log-probabilities of texts, what is served."""
    text = (ROOT / "demo" / "data" / "perplexity.txt").read_text()
    options = Options(dtype="float32", max_model_len=512, enforce_eager=True)
    with plugins.load("engines", engine)(DEMO_PATH, options) as loaded:
        begins = [loaded.encode(text[i * 300 : i * 300 + 80]) for i in range(PROMPTS)]
        windows = [loaded.encode(text[i * 900 :])[: 100 + i] for i in range(8)]
        answers = loaded.generate(begins, Sampling(max_new_tokens=TOKENS))
        chat = loaded.encode_chat("What can I do to keep bread fresh?")
        short = loaded.generate([chat] * 2, Sampling(max_new_tokens=TOKENS, ignore_eos=False))
        stopped = loaded.generate(
            [chat], Sampling(max_new_tokens=TOKENS, ignore_eos=False, stop=("butter",))
        )
        alone = loaded.score_distribution(windows[0], 5)
        scores = loaded.score(windows)
        found = {
            "answers": [answer.token_ids for answer in answers],
            "chat": [loaded.decode(answer.token_ids) for answer in (*short, *stopped)],
            "used_up": [answer.used_up for answer in (answers[0], *short, *stopped)],
            "times": [(a.sent_s, a.first_token_s, a.last_token_s) for a in answers],
            "logprobs": [each.logprobs for each in scores],
            "top": (alone.logprobs, alone.top_ids, alone.top_logprobs),
            "served": loaded.describe(),
        }
    Path(answers_file).write_bytes(pickle.dumps(found))


def in_a_process(call: str, engine: str = "transformers") -> None:
    """Run Python code in a process with the environment of an engine."""
    environment = {**os.environ, **plugins.load("engines", engine).environment()}
    line = [sys.executable, "-c", call]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def asked(engine: str, folder: Path) -> dict[str, Any]:
    """What `ask` found."""
    file = folder / engine
    call = f"from tests.real.test_transformers import ask; ask({engine!r}, {str(file)!r})"
    in_a_process(call, engine)
    found: dict[str, Any] = pickle.loads(file.read_bytes())
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What either engine says of the demo model in 32 bits."""
    folder = tmp_path_factory.mktemp("both")
    return {name: asked(name, folder) for name in ("vllm", "transformers")}


def test_greedy_answers_are_the_same(both: dict[str, dict[str, Any]]) -> None:
    pairs = zip(both["vllm"]["answers"], both["transformers"]["answers"], strict=True)
    same = [a == b for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True)]
    assert len(same) == PROMPTS * TOKENS and sum(same) >= 0.95 * len(same)
    assert both["vllm"]["chat"] == both["transformers"]["chat"]
    assert both["vllm"]["used_up"] == both["transformers"]["used_up"] == [True, False, False, False]


def test_log_probabilities_are_the_same(both: dict[str, dict[str, Any]]) -> None:
    for mine, theirs in zip(
        both["vllm"]["logprobs"], both["transformers"]["logprobs"], strict=True
    ):
        assert mine == pytest.approx(theirs, abs=1e-3)
    means = [sum(w.sum() for w in both[n]["logprobs"]) for n in ("vllm", "transformers")]
    assert means[0] == pytest.approx(means[1], rel=1e-3)  # hence the perplexities too
    mine, theirs = both["vllm"]["top"], both["transformers"]["top"]
    assert mine[0] == pytest.approx(theirs[0], abs=1e-3)
    assert mine[2] == pytest.approx(theirs[2], abs=1e-3)
    assert (mine[1][:, 0] == theirs[1][:, 0]).mean() > 0.99


def test_times_of_a_batch(both: dict[str, dict[str, Any]]) -> None:
    for sent, first, last in both["transformers"]["times"]:
        assert sent < first < last


def test_what_runs_is_told(both: dict[str, dict[str, Any]]) -> None:
    served = both["transformers"]["served"]
    assert served.kernels["q_proj"] == ["Linear/float32"] and served.quantization is None
    assert served.weights_bytes == pytest.approx(both["vllm"]["served"].weights_bytes, rel=0.05)


def starve(answer_file: str) -> None:
    """In a process of its own: a batch that address space is not left for."""
    engine = plugins.load("engines", "transformers")
    with engine(DEMO_PATH, Options(device="cpu")) as loaded:
        loaded.generate([[5] * 8], Sampling(max_new_tokens=2))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + (128 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        try:
            loaded.generate([[5] * 1024] * 64, Sampling(max_new_tokens=2))
        except Exception as problem:
            Path(answer_file).write_text(child.sentence(problem))


def test_a_batch_too_large_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "reason"
    in_a_process(f"from tests.real.test_transformers import starve; starve({str(file)!r})")
    job = Job("batch", Workload(batch_size=64, prompt_tokens=1024, max_new_tokens=2))
    served = {"weights_bytes": 10 << 20}
    load = shortage.Load(DEMO_PATH, "transformers", Options(), served, "timing 64 users", job)
    said = shortage.explained(file.read_text(), load) or ""
    assert said.startswith("out of memory while timing 64 users, which wanted "), said
    assert said.endswith("--batch_sizes 32")


def test_a_compressed_checkpoint_is_scored_and_not_timed(
    real_run: RealRun, tmp_path: Path, process: Run
) -> None:
    folder = real_run.folder / "demo-INT8-W8A16"
    small = ("--prompt_tokens", 16, "--max_new_tokens", 8, "--num_prompts", 1, "--batch_sizes", 2)
    line = ("--model", folder, "--engine", "transformers", "--max_model_len", 512)
    done = process("benchmark.py", *line, *small)
    assert done.returncode == 1 and "transformers emulates it" in done.stdout + done.stderr
    text = ("--tasks", "none", "--perplexity_tokens", 4096, "--divergence_tokens", 2048)
    done = process("score.py", *line, *text)
    assert done.returncode == 0, done.stderr
    (record,) = (
        r
        for r in load_all(tmp_path / "eval_results")
        if r.subject.scheme != "BASE" and r.measure == "divergence"
    )
    assert record.served is not None and record.served["emulated"] == "weights are decompressed"
    assert 0 < record.figures["kl_mean"].value < 0.01


def distributions(engine: str, folder: str, answers_file: str) -> None:
    """In a process of its own: the base's likeliest tokens, and what checkpoints say of them."""
    text = (ROOT / "demo" / "data" / "perplexity.txt").read_text()
    options = Options(dtype="float32", max_model_len=512, enforce_eager=True)
    found: dict[str, Any] = {}
    for path in (DEMO_PATH, *(Path(folder) / f"demo-{name}" for name in EMULATED)):
        with plugins.load("engines", engine)(path, options) as loaded:
            ids = loaded.encode(text)
            windows = [ids[i * WINDOW : (i + 1) * WINDOW] for i in range(WINDOWS)]
            likeliest = [of_base.top_ids for of_base in found.get("demo-BASE", [])]
            scores = [
                loaded.score_distribution(window, 1, at)
                for window, at in zip(windows, likeliest, strict=False)
            ]
            name = "demo-BASE" if path == DEMO_PATH else path.name
            found[name] = scores or [loaded.score_distribution(w, 256) for w in windows]
    Path(answers_file).write_bytes(pickle.dumps(found))


@pytest.fixture(scope="module")
def spread(
    real_run: RealRun, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What either engine computes of the base and of two checkpoints, in 32 bits."""
    folder = tmp_path_factory.mktemp("spread")
    found = {}
    for engine in ("vllm", "transformers"):
        words = (engine, str(real_run.folder), str(folder / engine))
        in_a_process(
            f"from tests.real.test_transformers import distributions; distributions(*{words!r})",
            engine,
        )
        found[engine] = pickle.loads((folder / engine).read_bytes())
    return found


def divergences(found: dict[str, Any], name: str) -> Any:
    """Of each window the mean KL divergence from the base on the same engine."""
    pairs = zip(found["demo-BASE"], found[name], strict=True)
    rows = [_compare(0, base.top_logprobs, base.logprobs, own) for base, own in pairs]
    return np.array([row["kl_sum"] / row["tokens"] for row in rows])


@pytest.mark.parametrize("scheme", EMULATED)
def test_emulation_agrees_with_the_kernel(spread: dict[str, dict[str, Any]], scheme: str) -> None:
    kernel, emulated = (spread[engine] for engine in ("vllm", "transformers"))
    name = f"demo-{scheme}"
    firsts = [np.concatenate([w.top_ids[:, 0] for w in of[name]]) for of in (kernel, emulated)]
    assert len(firsts[0]) >= 2000 and (firsts[0] == firsts[1]).mean() >= 0.99
    apart = divergences(emulated, name) - divergences(kernel, name)
    assert 0 < divergences(kernel, name).mean() < 0.01
    within = 3.106 * apart.std(ddof=1) / WINDOWS**0.5  # Student's t of 11 degrees, 99 %
    assert abs(apart.mean()) < within


def test_perplexities_of_the_base_are_the_same(spread: dict[str, dict[str, Any]]) -> None:
    mine, theirs = (
        np.exp(-np.concatenate([w.logprobs for w in of["demo-BASE"]]).mean())
        for of in spread.values()
    )
    assert mine == pytest.approx(theirs, rel=1e-3)
