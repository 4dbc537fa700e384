"""Jobs: which there are, in which order they run on a load, what each checkpoint gets."""

from pathlib import Path
from typing import Any

import pytest

from core.engine import Options
from core.errors import UserError
from core.measure import Job, ServedBase, Workload
from measures._requests import LoadOptions
from measures.divergence import DivergenceOptions
from measures.perplexity import PerplexityOptions
from running import jobs

TEXT = "The quick brown fox jumps over the lazy dog. " * 9


@pytest.fixture
def served(base: Path, tmp_path: Path) -> ServedBase:
    (tmp_path / "text.txt").write_text(TEXT)
    return ServedBase(
        path=base, fingerprint="f", context_length=256, engine="fake", options=Options()
    )


def test_memory_is_measured_last_and_quality_after_speed(
    served: ServedBase, tmp_path: Path
) -> None:
    text = str(tmp_path / "text.txt")
    chosen = {
        "perplexity": PerplexityOptions(text=text),
        "memory": LoadOptions(),
        "batch": LoadOptions(batch_sizes="8,2", prompt_tokens=8),
        "sequential": LoadOptions(),
        "load": LoadOptions(),
        "divergence": DivergenceOptions(text=text),
    }
    with pytest.raises(Exception, match="do not fit 256 tokens"):
        jobs.plan({"load": LoadOptions(prompt_tokens=200)}, served)
    planned = jobs.plan(chosen, served)
    order = [(job.measure, getattr(job.settings, "batch_size", None)) for job in planned]
    default = Workload.batch_size
    assert order == [
        ("load", default),
        ("sequential", default),
        ("batch", 2),
        ("batch", 8),
        ("memory", default),
        ("perplexity", None),
        ("divergence", None),
    ]
    assert [job.measure for job in jobs.of_kind(planned, "quality")] == ["perplexity", "divergence"]


def test_only_the_base_writes_its_distribution(served: ServedBase, tmp_path: Path) -> None:
    asked = DivergenceOptions(text=str(tmp_path / "text.txt"))
    planned = jobs.plan({"divergence": asked}, served)
    settings = [
        job.settings for is_base in (True, False) for job in jobs.fitted(planned, served, is_base)
    ]
    assert [each.is_base for each in settings] == [True, False]
    assert settings[0].reference == settings[1].reference
    assert settings[0].reference.startswith("build/references/f-")


def test_what_is_not_asked_for_is_no_job(served: ServedBase) -> None:
    chosen = {
        "perplexity": PerplexityOptions(text="none"),
        "divergence": DivergenceOptions(divergence_tokens=0),
    }
    assert jobs.plan(chosen, served) == []


@pytest.mark.parametrize(("sizes", "room"), [((1, 8), 256), ((512, 8), 512), ((), 256)])
def test_every_batch_runs_at_once(sizes: tuple[int, ...], room: int) -> None:
    planned = [Job("batch", Workload(batch_size=size)) for size in sizes]
    assert jobs.roomy(Options(), planned).max_num_seqs == room


def test_every_kind_has_its_groups_in_the_order_of_reports() -> None:
    assert set(jobs.option_groups("performance")) == {
        "load",
        "memory",
        "sequential",
        "batch",
        "growing",
    }
    assert set(jobs.option_groups("quality")) == {
        "harness",
        "perplexity",
        "divergence",
        "references",
    }


@pytest.mark.parametrize(
    ("options", "span"),
    [
        ({}, (3, 3)),
        ({"rounds": "1"}, (1, 1)),
        ({"rounds": "auto"}, (3, 10)),
        ({"rounds": "auto", "max_rounds": 4}, (3, 4)),
    ],
)
def test_how_often_checkpoints_are_loaded(options: dict[str, Any], span: tuple[int, int]) -> None:
    assert jobs.RoundOptions(**options).span() == span


@pytest.mark.parametrize("rounds", ["0", "-1", "1.5", "often", ""])
def test_rounds_that_are_none(rounds: str) -> None:
    with pytest.raises(UserError, match="--rounds wants a number like 3, or auto, not"):
        jobs.RoundOptions(rounds=rounds).span()
    with pytest.raises(UserError, match="--max_rounds belongs to --rounds auto"):
        jobs.RoundOptions(rounds="3", max_rounds=5).span()
