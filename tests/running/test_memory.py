"""Memory marks: the process's own on a CPU, the sampler's protocol for a GPU, the page cache."""

import io
import json
import os
from pathlib import Path

import pytest

from running import memory


def test_a_peak_is_seen_and_then_forgotten() -> None:
    with memory.Watch([]) as watch:
        before = watch.mark()
        block = bytearray(os.urandom(1 << 20) * 64)
        during = watch.mark()
        del block
        after = watch.mark()
        last = watch.mark()
    assert during["peak_bytes"] - before["used_bytes"] >= 60 << 20
    slack = 1 << 20  # the kernel counts resident pages per processor and adds them up late
    assert after["peak_bytes"] >= during["used_bytes"] - slack
    assert last["peak_bytes"] < during["peak_bytes"]


def test_the_sampler_answers_every_line(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    used = iter([100, 900, 300, 200])
    last = [100]

    def read() -> int:
        last[0] = next(used, last[0])
        return last[0]

    monkeypatch.setattr("sys.stdin", io.StringIO("mark\nmark\n"))
    monkeypatch.setattr(
        memory.threading, "Thread", lambda **options: type("T", (), {"start": print})
    )
    memory.serve(read)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    first, second = map(json.loads, lines)
    assert first == {"used_bytes": 900, "peak_bytes": 900}
    assert second == {"used_bytes": 300, "peak_bytes": 900}


def test_a_file_just_written_is_in_the_page_cache(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 1_000_000)
    (tmp_path / "empty").touch()
    assert memory.resident_share([file, tmp_path / "empty"]) == 1.0
    assert memory.resident_share([]) is None
