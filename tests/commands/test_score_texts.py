"""`score.py` on texts and prompts: perplexity, divergence, answers, and when a base is kept."""

import json
from pathlib import Path

import pytest

from core import records
from tests.commands.conftest import FAKE, TEXT


def figures(world: Path, scheme: str, measure: str) -> dict[str, float]:
    scored = [
        r
        for r in records.load_all(world / "eval_results")
        if (r.subject.scheme, r.measure, r.status) == (scheme, measure, "ok")
    ]
    return {name: figure.value for name, figure in scored[-1].figures.items()}


def test_texts_are_measured_beside_the_base_which_is_kept(command, world: Path) -> None:
    options = ("--tasks", "none", *FAKE)
    done = command("score.py", "--model", "tiny-INT4-W4A16", *options)
    assert done.returncode == 0, done.stderr
    base, compressed = (figures(world, s, "divergence") for s in ("BASE", "INT4-W4A16"))
    assert (base["kl_mean"], base["kl_p99"]) == (0, 0)
    assert (base["top1_agreement"], base["perplexity_ratio"]) == (1, 1)
    assert base["covered_mass"] == pytest.approx(1, abs=1e-5)
    assert compressed["kl_mean"] > 0.01 and compressed["kl_p99"] > compressed["kl_mean"]
    assert compressed["top1_agreement"] < 1
    perplexity = figures(world, "INT4-W4A16", "perplexity")
    assert perplexity["scored_tokens"] == len(TEXT) - 1
    ratio = perplexity["perplexity"] / figures(world, "BASE", "perplexity")["perplexity"]
    assert ratio == pytest.approx(compressed["perplexity_ratio"], rel=0.01)  # fewer tokens there
    again = command("score.py", "--model", "tiny-INT4-W4A16", *options, "--json")
    printed = json.loads(again.stdout.splitlines()[-1])
    assert [row["scheme"] for row in printed] == ["BASE", "INT4-W4A16"]
    assert printed[1]["quality"]["perplexity_ratio"][0] == pytest.approx(ratio)
    saved = [r.subject.scheme for r in records.load_all(world / "eval_results")]
    assert saved.count("BASE") == 2  # it is not scored again
    assert saved.count("INT4-W4A16") == 4
    (world / "text.txt").write_text(TEXT.replace("quick", "eager"))
    other = command("score.py", "--model", "tiny-INT4-W4A16", *options, "--json")
    printed = json.loads(other.stdout.splitlines()[-1])
    assert 0.8 < printed[1]["quality"]["perplexity_ratio"][0] < 1.25
    saved = [r.subject.scheme for r in records.load_all(world / "eval_results")]
    assert saved.count("BASE") == 4  # another text under the same name


@pytest.mark.real
def test_answers_are_scored_against_references(command, world: Path) -> None:
    options = ("--tasks", "none", "--prompts_file", "prompts.json", "--metric", "length.py")
    done = command("score.py", "--model", "tiny-INT4-W4A16", *options, *FAKE, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])[1]["quality"]["same_answers"] == 1.0
    compressed = figures(world, "INT4-W4A16", "references")
    assert compressed["length"] == 128
    assert 0 <= compressed["rouge_l"] < 0.2 and 0 <= compressed["bleu"] < 5
