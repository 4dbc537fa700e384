"""Quality for real: schemes are distinguished, the base from nothing, and lm-eval agrees."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checkpoints import models
from core.records import Record, load_all
from quality.comparison import Margin, quality
from quality.tasks import DEMO_TASKS
from tests.conftest import ROOT
from tests.real.conftest import DOCUMENTS, RealRun, verdict

pytestmark = pytest.mark.real
TASKS = set(DEMO_TASKS)


def score(folder: Path, *arguments: object) -> dict[str, Record]:
    """The base's records of `python score.py --model demo ...` in an empty folder."""
    line = [sys.executable, str(ROOT / "score.py"), "--model", "demo", *map(str, arguments)]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {r.measure: r for r in load_all(folder / "eval_results")}


@pytest.mark.skipif(verdict("INT4-W4A16") != "native", reason="no 4-bit kernel on this machine")
def test_divergence_tells_the_schemes_apart(real_run: RealRun) -> None:
    found = {
        scheme: real_run.quality_of(scheme)["divergence"].figures
        for scheme in ("BASE", "INT8-W8A8", "INT4-W4A16")
    }
    base, int8, int4 = (found[scheme]["kl_mean"] for scheme in found)
    assert (base.value, base.high) == (0, 0)
    assert int8.low is not None and int8.high is not None and int4.low is not None
    assert 0 < int8.low <= int8.value <= int8.high < int4.low
    assert found["BASE"]["top1_agreement"].value == 1
    agreement = [found[s]["top1_agreement"].value for s in ("INT8-W8A8", "INT4-W4A16")]
    assert 1 > agreement[0] > agreement[1] > 0.9
    assert found["INT4-W4A16"]["covered_mass"].value > 0.99


def test_every_task_on_the_load_that_was_timed(real_run: RealRun) -> None:
    served = {r.subject.scheme for r in real_run.records if r.status == "ok"}
    for scheme in served:
        record = real_run.quality_of(scheme)["harness"]
        assert record.raw is not None and set(record.raw["tasks"]) == TASKS
        assert {len(t["documents"]) for t in record.raw["tasks"].values()} == {DOCUMENTS}
        assert (
            record.raw["tasks"]["demo_gsm8k"]["documents"]
            == real_run.quality_of("BASE")["harness"].raw["tasks"]["demo_gsm8k"]["documents"]  # type: ignore[index]
        )
    base = list(real_run.quality_of("BASE").values())
    beside_itself = quality(base, base, Margin(points=3))  # 1 point wants more documents
    assert beside_itself.verdict == "pass" and beside_itself.aggregate is not None
    assert beside_itself.aggregate.difference == 0
    assert "Which scheme for demo?" in real_run.output
    for scheme in served - {"BASE"}:
        found = quality(base, list(real_run.quality_of(scheme).values()))
        assert set(found.tasks) == TASKS and found.verdict in ("pass", "fail", "undecided")


def test_the_base_scored_twice_is_no_difference(real_run: RealRun, tmp_path: Path) -> None:
    """Fewer tasks at once: other batches, so other roundings."""
    tasks = ("demo_gsm8k", "demo_piqa")
    again = score(
        tmp_path,
        "--tasks",
        ",".join(tasks),
        "--text",
        "none",
        "--limit",
        DOCUMENTS,
        "--enforce_eager",
        "--max_model_len",
        1024,
    )
    found = quality(list(real_run.quality_of("BASE").values()), list(again.values()))
    assert set(found.tasks) == set(tasks)
    assert all(task.low <= 0 <= task.high for task in found.tasks.values())
    assert found.aggregate is not None and found.aggregate.worse + found.aggregate.better <= 3
    assert found.verdict != "fail"


def test_lm_eval_and_transformers_agree(tmp_path: Path) -> None:
    """Their float32 on the same documents and windows: the same choices, the same perplexity."""
    mine = score(
        tmp_path,
        "--dtype",
        "float32",
        "--limit",
        DOCUMENTS,
        "--enforce_eager",
        "--max_model_len",
        1024,
        "--window",
        512,
        "--stride",
        384,
        "--divergence_tokens",
        0,
        "--text",
        cut_text(tmp_path),
    )
    from lm_eval.utils import make_table

    theirs = by_lm_eval()
    ours = {name: chosen(lines(tmp_path, name)) for name in DEMO_TASKS}
    same = [a == b for name in DEMO_TASKS for a, b in zip(ours[name], theirs[name], strict=True)]
    assert len(same) == 4 * DOCUMENTS
    assert sum(same) >= 0.99 * len(same)
    told = mine["perplexity"].figures
    perplexity, tokens = by_transformers(tmp_path / "text.txt", 512, 384)
    assert told["scored_tokens"].value == tokens
    assert told["perplexity"].value == pytest.approx(perplexity, rel=1e-3)
    results = next((tmp_path / "eval_results" / "demo-BASE").glob("results_*.json"))
    whole = json.loads(results.read_text())
    table = make_table(whole)
    assert "demo_hellaswag" in table and "acc_norm" in table
    assert whole["results"]["demo_piqa"]["acc,none"] == pytest.approx(
        mine["harness"].figures["demo_piqa/acc,none"].value
    )


def test_prompts_that_do_not_fit_are_cut_as_lm_eval_cuts_them(tmp_path: Path) -> None:
    """The answer keeps its 96 tokens of 256, so the two shots of most prompts are cut."""
    options = ("--limit", 20, "--dtype", "float32", "--enforce_eager", "--max_model_len", 256)
    mine = score(tmp_path, "--tasks", "demo_gsm8k", "--text", "none", *options)["harness"].raw
    assert mine is not None and mine["tasks"]["demo_gsm8k"]["prompts_cut"] > 10
    ours = chosen(lines(tmp_path, "demo_gsm8k"))
    theirs = by_lm_eval(("demo_gsm8k",), 20, 256)["demo_gsm8k"]
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) >= 19


def cut_text(folder: Path) -> Path:
    """About 10,000 tokens of the demo text."""
    text = (ROOT / "demo" / "data" / "perplexity.txt").read_text()[:40_000]
    (folder / "text.txt").write_text(text)
    return Path("text.txt")


def lines(folder: Path, task: str) -> list[dict[str, Any]]:
    """lm-eval's own samples, as score.py left them."""
    file = next((folder / "eval_results" / "demo-BASE").glob(f"samples_{task}_*.jsonl"))
    return [json.loads(line) for line in file.read_text().splitlines()]


def chosen(samples: list[dict[str, Any]]) -> list[object]:
    """Which ending is likeliest, or the text that was generated, by document."""
    found: dict[int, object] = {}
    for sample in samples:
        answers = [answer[0] for answer in sample["resps"]]
        if len(answers) == 1:
            found[sample["doc_id"]] = answers[0]
        else:
            likely = [float(answer[0]) for answer in answers]
            found[sample["doc_id"]] = likely.index(max(likely))
    return [found[n] for n in sorted(found)]


def by_lm_eval(
    tasks: tuple[str, ...] = DEMO_TASKS, limit: int = DOCUMENTS, length: int = 1023
) -> dict[str, list[object]]:
    """lm-eval's own transformers backend, by its own front door."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(ROOT / "demo" / "tasks"), include_defaults=False)
    arguments = f"pretrained={models.DEMO_PATH},dtype=float32,add_bos_token=True"
    results: Any = simple_evaluate(
        model="hf",
        model_args=f"{arguments},max_length={length}",
        tasks=list(tasks),
        limit=limit,
        batch_size=16,
        device="cpu",
        task_manager=manager,
        bootstrap_iters=0,
    )
    return {name: chosen(samples) for name, samples in results["samples"].items()}


def by_transformers(path: Path, length: int, stride: int) -> tuple[float, int]:
    """Perplexity of sliding windows, each begun with BOS, straight from the logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models.DEMO_PATH)
    model = AutoModelForCausalLM.from_pretrained(models.DEMO_PATH, dtype=torch.float32)
    ids = tokenizer(path.read_text(), add_special_tokens=False)["input_ids"]
    total, count, done = 0.0, 0, 0
    for start in range(0, len(ids), stride):
        part = torch.tensor([[tokenizer.bos_token_id, *ids[start : start + length - 1]]])
        with torch.no_grad():
            logprobs = model(part).logits[0, :-1].log_softmax(-1)
        told = logprobs.gather(1, part[0, 1:, None])[done - start if done > start else 0 :]
        total, count, done = total - told.sum().item(), count + len(told), start + length - 1
        if done >= len(ids):
            break
    return math.exp(total / count), count
