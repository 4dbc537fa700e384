"""The walk through the docs: what it takes for a command, and what it calls a failure."""

import subprocess
from pathlib import Path

import pytest

from scripts import walk_rules
from scripts.walk_docs import Command, Walk, commands

PAGE = """Try `make
demo` or `not a command`.

```sh
cd build            # where it is made
python -c "
print(1)"
echo one \\
    two
```

```console
$ python analyze.py demo
demo  as declared
```

```text
python is not run here
```

```yaml my_tasks/a.yaml
task: a
```
"""


def test_commands_of_a_page() -> None:
    assert list(commands(PAGE)) == [
        Command("make demo"),
        Command("cd build            # where it is made"),
        Command('python -c "\nprint(1)"', begins=False),
        Command("echo one \\\n    two", begins=False),
        Command("python analyze.py demo"),
        Command("task: a\n", writes="my_tasks/a.yaml"),
    ]


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    for words in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "a")):
        who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True)
    (tmp_path / "docs").mkdir()
    return Walk(tmp_path, everything=False)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("true", ""),
        ("sh -c 'exit 3'", "exit code 3"),
        ("echo 'Traceback (most recent call last)' >&2", "a traceback"),
        ("touch left.txt", "git status: ?? left.txt"),
        ("echo a > ignored.txt", ""),
        ("cat page-file.txt", ""),
    ],
)
def test_what_fails(walk: Walk, capsys: pytest.CaptureFixture[str], command: str, why: str) -> None:
    (walk.clone / ".gitignore").write_text("ignored.txt\n")
    file, inside = "```text page-file.txt\na\n```\n", "```sh\ncd docs\nls ../page.md\n```\n"
    (walk.clone / "page.md").write_text(f"{file}\n{inside}\n```sh\n{command}\n```\n")
    walk.commit()
    walk.page("page.md")
    printed = capsys.readouterr().out
    assert walk.failed == ([command] if why else [])
    assert why in printed
    assert walk.counts == {"written": 1, "passed": 1 if why else 2} | ({"failed": 1} if why else {})


def test_what_is_not_run_is_told_with_the_reason(
    walk: Walk, capsys: pytest.CaptureFixture[str]
) -> None:
    (walk.clone / "page.md").write_text("`python download_model.py org/name`, `make mutants`")
    walk.page("page.md")
    printed = capsys.readouterr().out
    assert "(needs a network)" in printed and "make mutants  (" in printed
    assert walk.counts == {"left out": 2}


def test_the_same_command_is_run_once(walk: Walk) -> None:
    (walk.clone / "page.md").write_text("```sh\ntrue\ntrue  # again\n```\n")
    walk.commit()
    walk.page("page.md")
    assert walk.counts == {"passed": 1}


def test_commands_are_made_small_before_their_comment() -> None:
    made = walk_rules.smaller("python compress.py", "python compress.py  # all")
    assert made == f"python compress.py {walk_rules.CALIBRATION}  # all"
    assert walk_rules.smaller("python report.py", "python report.py") == "python report.py"
    assert walk_rules.exit_codes("python report.py --history --format html") == (0, 3)
    assert walk_rules.left_out("make mutants", everything=True) is None
    assert walk_rules.left_out("make bundle", everything=True) == walk_rules.NETWORK


def test_examples_are_replaced_by_what_is_there(tmp_path: Path) -> None:
    def made(command: str) -> str:
        return walk_rules.replaced(command, tmp_path)

    assert made("python benchmark.py --model MODEL_1") == "python benchmark.py --model llama3_8b"
    assert made("score.py --prompts_file custom_prompts.json").endswith(" demo/data/prompts.json")
    other = "python compress.py --compression_type INT4-W4A16-G64 --model_id demo"
    assert made(other) == other
    (tmp_path / "perf_results" / "llama3_8b-BASE").mkdir(parents=True)
    for run in ("20260301T000000Z-a", "20260302T000000Z-b"):
        record = tmp_path / "perf_results" / "llama3_8b-BASE" / f"load-{run}.json"
        record.write_text(f'{{"run_id": "{run}"}}')
    shown = made("python report.py --compare 20260101T 20260201T")
    assert shown == "python report.py --compare 20260301T000000Z-a 20260302T000000Z-b"
