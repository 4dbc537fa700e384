"""A loaded engine as lm-eval's model: what is cut, by how much, and how it is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from measures import harness
from quality import tasks
from quality.tasks import Tasks
from tests.measures.conftest import Load

pytestmark = pytest.mark.real  # importing lm-eval takes seconds
CONTEXT = 512  # tokens: bytes to the fake engine

Write = Callable[..., Tasks]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a task file over rows of `text`, and asks that task."""

    def writing(lines: str, rows: list[dict[str, Any]]) -> Tasks:
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (tmp_path / "own.yaml").write_text(
            f"task: own\ndataset_path: json\ndataset_kwargs:\n  data_files:\n"
            f'    test: {tmp_path}/rows.jsonl\ntest_split: test\ndoc_to_text: "{{{{text}}}}"\n'
            f"{lines}\n"
        )
        return Tasks(names=("own",), include_path=str(tmp_path))

    return writing


def generated(room: int, until: str = "") -> str:
    """Lines of a task whose answers may take so many tokens."""
    return (
        'output_type: generate_until\ndoc_to_target: "fox"\n'
        f'generation_kwargs: {{max_gen_toks: {room}, until: ["{until}"]}}'
    )


CHOICES = 'output_type: multiple_choice\ndoc_to_target: 0\ndoc_to_choice: "{{choices}}"'


def rows(*lengths: int) -> list[dict[str, Any]]:
    return [{"text": "x" * (length - 1) + str(n)} for n, length in enumerate(lengths)]


def test_answers_keep_their_room_and_long_prompts_lose_their_beginning(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, asked = load(), []
    generate = loaded.engine.generate

    def listening(prompts: Any, sampling: Any) -> Any:
        asked.extend((len(prompt), sampling.max_new_tokens, prompt[-1]) for prompt in prompts)
        return generate(prompts, sampling)

    monkeypatch.setattr(loaded.engine, "generate", listening)
    settings = write(generated(100), rows(412, 413, 600, 20))
    raw = harness.run(loaded, settings)["tasks"]["own"]
    ends = [ord(str(n)) for n in range(4)]
    assert asked == list(zip((412, 412, 412, 20), [100] * 4, ends, strict=True))
    assert (raw["generated"], raw["prompts_cut"], raw["answers_cut"]) == (4, 2, 4)


def test_an_answer_that_stops_has_not_used_up_its_room(load: Load, write: Write) -> None:
    """The fake engine answers with all characters in turn, so any of them comes within 95."""
    for room, until, cut in ((95, "Q", 0), (95, "", 3), (2, "Q", 3)):
        raw = harness.run(load(), write(generated(room, until), rows(20, 21, 22)))
        assert raw["tasks"]["own"]["answers_cut"] == cut, (room, until)
        assert "truncated" not in raw


def test_a_document_is_cut_once_however_many_choices_it_has(load: Load, write: Write) -> None:
    made = [
        {**row, "choices": [*["no", "yes, it is"][:count], "maybe"]}
        for row, count in zip(rows(CONTEXT + 1, CONTEXT - 9, 20), (2, 2, 1), strict=True)
    ]
    raw = harness.run(load(), write(CHOICES, made))["tasks"]["own"]
    assert (raw["prompts_cut"], raw["generated"], raw["answers_cut"]) == (2, 0, 0)
    assert raw["chance"] == pytest.approx((1 / 3 + 1 / 3 + 1 / 2) / 3)


def test_a_choice_longer_than_the_context_is_scored_as_far_as_it_fits(
    load: Load, write: Write
) -> None:
    made = [{"text": "a question", "choices": ["b" * (CONTEXT + 88), "a"]}]
    raw = harness.run(load(), write(CHOICES, made))["tasks"]["own"]
    assert raw["prompts_cut"] == 1 and raw["scores"]["acc,none"] == [0.0]


OWN = "output_type: multiple_choice\ndoc_to_choice: [a, b, c, d]\n"
CHANCES = [
    (OWN + "doc_to_target: 0", 0.25),
    (OWN + "doc_to_target: [0, 2]", 0.5),  # any of two is right
    (OWN + "doc_to_target: 0\nmetric_list:\n  - metric: acc_mutual_info\n  - metric: acc", 0.25),
    (OWN + "doc_to_target: 0\nmetric_list:\n  - metric: brier_score", None),
    (generated(8), 0.0),
    (generated(8) + "\nmetric_list:\n  - metric: chrf", None),
    ('output_type: loglikelihood\ndoc_to_target: "fox"\nmetric_list:\n  - metric: acc', None),
]


@pytest.mark.parametrize(("lines", "chance"), CHANCES)
def test_what_guessing_would_score(
    load: Load, write: Write, lines: str, chance: float | None
) -> None:
    raw = harness.run(load(), write(lines, rows(20, 21, 22)))["tasks"]["own"]
    assert raw["chance"] == chance


def test_answers_that_leave_no_room_for_a_prompt_are_refused_when_planned(
    load: Load, write: Write
) -> None:
    settings = write(generated(CONTEXT), rows(20))
    built = tasks.build(settings)
    tasks.check_rooms(built, CONTEXT + 1)
    said = (
        "own lets an answer take 512 tokens, which leaves none of 512 tokens of context for the "
        "prompt: --max_model_len must be more than 512"
    )
    with pytest.raises(UserError) as refused:
        tasks.check_rooms(built, CONTEXT)
    assert str(refused.value) == said
    with pytest.raises(UserError) as failed:  # an engine may have less than the config says
        harness.run(load(), settings)
    assert str(failed.value) == said


def test_a_task_that_does_not_say_gets_the_room_that_lm_eval_gives() -> None:
    assert tasks.answer_room("own", {}, 257) == 256
    assert tasks.answer_room("own", {"max_tokens": 7}, 257) == 7
    with pytest.raises(UserError, match="256 tokens, which leaves none of 256 tokens"):
        tasks.answer_room("own", {}, 256)
