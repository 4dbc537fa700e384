"""Run every command that README and docs show, in their order, in a fresh clone.

    python scripts/walk_docs.py                 # what can be run here, made small
    python scripts/walk_docs.py --page docs/report.md --page docs/quality.md
    python scripts/walk_docs.py --all --install # as printed, the long ones too, from nothing

A command fails on another exit code than 0, a traceback in what it prints, or a file that git
neither knows nor ignores. What is left out, made small or replaced is in `scripts/walk_rules.py`.
Committed files are walked. Exit code 1: something failed.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from core import cli
from core.errors import UserError
from scripts import walk_rules

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^```(\w+)?(?: (\S+))?\n(.*?)^```$|`((?:python3?|bash|make)\s[^`]+)`", re.M | re.S
)
ENVIRONMENT = dict(os.environ)  # before our own command changes it for its children
LONGEST_S = 1800
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Command:
    """A command of a page, or the text of a file that the page tells to write."""

    text: str
    writes: str | None = None
    begins: bool = True  # a block: in the checkout's folder


def pages(root: Path = ROOT) -> list[str]:
    """Every page, in the order a newcomer would read them."""
    others = sorted(str(p.relative_to(root)) for p in (root / "docs").glob("*.md"))
    last = ("CONTRIBUTING.md", "SECURITY.md", "perf_results/README.md", "eval_results/README.md")
    return [p for p in ("README.md", *others, *last) if (root / p).is_file()]


def commands(text: str) -> Iterator[Command]:
    """What a page tells to run: `sh` blocks, `$` lines of `console` blocks, and inline code.

    A block of another language that names a file after the language is that file.
    """
    for language, path, block, inline in BLOCK.findall(text):
        if inline:
            yield Command(" ".join(inline.split()))
        elif language == "sh":
            for number, command in enumerate(joined(block.splitlines())):
                yield Command(command, begins=number == 0)
        elif language == "console":
            shown = (line for line in block.splitlines() if line.startswith("$ "))
            yield from (Command(line.removeprefix("$ ")) for line in shown)
        elif path:
            yield Command(block, writes=path)


def joined(lines: list[str]) -> Iterator[str]:
    """Commands of a block, of several lines where a quote or a backslash says so."""
    command = ""
    for line in lines:
        command += line
        if complete(command):
            if shlex.split(command, comments=True):
                yield command
            command = ""
        else:
            command += "\n"
    if command:
        raise UserError(f"a command does not end: {command[:60]}")


def complete(command: str) -> bool:
    """Whether a shell would run it instead of waiting for more."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.endswith("\\")


@dataclass
class Walk:
    """A fresh clone, and what came of the commands that were run in it."""

    clone: Path
    everything: bool
    ran: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def page(self, name: str) -> None:
        """Run a page's commands; a `cd` counts until its block ends."""
        cli.out.print(f"\n{name}", style="bold")
        folder = self.clone
        for command in commands((self.clone / name).read_text(encoding="utf-8")):
            folder = self.clone if command.begins else folder
            if command.writes:
                write(self.clone / command.writes, command.text)
                self.tell("written", command.writes)
                self.commit()
                continue
            words = shlex.split(command.text, comments=True)
            if words[0] == "cd":
                folder = folder / words[1]
            elif (text := shlex.join(words) + str(folder)) not in self.ran:
                self.ran.add(text)
                self.take(command.text, folder)

    def take(self, command: str, folder: Path) -> None:
        """Run one command, unless the rules leave it out; says what came of it."""
        shown = " ".join(command.partition("  #")[0].replace("\\\n", " ").split())
        why = walk_rules.left_out(shown, self.everything)
        if why:
            return self.tell("left out", f"{shown}  ({why})")
        small = command if self.everything else walk_rules.smaller(shown, command)
        line = walk_rules.replaced(small, self.clone)
        started = time.perf_counter()
        code, printed = execute(line, folder, self.clone)
        spent = time.perf_counter() - started
        if shown in walk_rules.CHANGE_FILES:
            self.commit()
        wrong = self.wrong(code, printed, walk_rules.exit_codes(shown))
        self.commit()  # so that the next command is not blamed for what this one left
        self.tell("failed" if wrong else "passed", f"{spent:5.0f} s  {shown}")
        if wrong:
            self.failed.append(shown)
            cli.out.print(f"{line}\n{wrong}\n{printed[-2000:]}", markup=False, highlight=False)
        return None

    def wrong(self, code: int, printed: str, expected: tuple[int, ...]) -> str:
        """What is wrong with how a command ended; empty for nothing."""
        if code not in expected:
            return f"exit code {code}"
        if TRACEBACK in printed:
            return "a traceback"
        left = git(self.clone, "status", "--porcelain")
        return f"git status: {left.strip()}" if left else ""

    def commit(self) -> None:
        """What the page told to write, or what was left behind, is the next command's start."""
        git(self.clone, "add", "--all")
        git(self.clone, "-c", "user.name=walk", "-c", "user.email=walk@localhost", "commit",
            "--quiet", "--allow-empty", "--message", "walk")  # fmt: skip

    def tell(self, result: str, what: str) -> None:
        """One line, counted."""
        self.counts[result] += 1
        style = {"failed": "red", "passed": "green"}.get(result, "dim")
        cli.out.print(f"{result:8}  {what}", style=style, markup=False, highlight=False)


def write(path: Path, text: str) -> None:
    """A file of a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout


def execute(line: str, folder: Path, clone: Path) -> tuple[int, str]:
    """Exit code and everything a command prints, run as on a terminal without keyboard."""
    path = f"{clone / '.venv' / 'bin'}:{ENVIRONMENT['PATH']}"
    environment = {k: v for k, v in ENVIRONMENT.items() if k != "VIRTUAL_ENV"} | {"PATH": path}
    with tempfile.TemporaryFile("w+") as output:
        try:
            code = subprocess.run(
                ["bash", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, timeout=LONGEST_S,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = 124
        output.seek(0)
        return code, output.read()


def main(
    page: Annotated[list[str], typer.Option(help="only these pages")] = [],  # noqa: B006
    install: Annotated[
        bool, typer.Option("--install", help="set the clone up from nothing")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="long commands too, nothing made small")
    ] = False,
) -> None:
    """Run every command of README and docs in a fresh clone."""
    with tempfile.TemporaryDirectory(prefix="walk-") as temporary:
        clone = Path(temporary) / "llm-quantization-benchmark"
        git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        if not install:
            (clone / ".venv").symlink_to((ROOT / ".venv").resolve())
        walk = Walk(clone, all_)
        walk_rules.stand_in(clone)
        for name in page or pages():
            walk.page(name)
    totals = ", ".join(f"{count} {result}" for result, count in sorted(walk.counts.items()))
    cli.out.print(f"\n{totals}", highlight=False)
    for command in walk.failed:
        cli.out.print(f"failed: {command}", style="red", markup=False)
    if walk.failed:
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
