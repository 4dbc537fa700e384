"""Prints what report.py costs: seconds for 1,000 records, memory for 10,000 with raw values.

    python scripts/bench_report.py

Records are copies of a typical model's (four schemes, performance and quality) made run after run,
each batch with the raw times of 32 requests and three repeats. Every format is timed from the start
of the command to its end.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FORMATS = (("terminal", None), ("md", "r.md"), ("html", "r.html"), ("csv", "r.csv"))
TIMED, WEIGHED = 1_000, 10_000
BUDGET_S, BUDGET_START_S, BUDGET_BYTES = 3.0, 0.5, 500e6


def write_records(folder: Path, count: int) -> int:
    """Write `count` records as consecutive runs; returns their bytes."""
    from tests import report_case

    written = size = run = 0
    while written < count:
        run += 1
        stamp = f"2026-01-01T{run // 3600:02d}:{run // 60 % 60:02d}:{run % 60:02d}+00:00"
        records = report_case.typical(run_id=f"run{run:05d}", started=stamp, ended=stamp)
        for record in records[: count - written]:
            home = folder / f"tiny-{record.subject.scheme}"
            home.mkdir(parents=True, exist_ok=True)
            if record.raw and "repeats" in record.raw:
                record.raw["repeats"] = [rows[:1] * 32 for rows in record.raw["repeats"]]
            text = record.model_dump_json(indent=1)
            (home / f"{record.measure}-{run:05d}-{written}.json").write_text(text)
            written, size = written + 1, size + len(text)
    return size


def timed(*arguments: str) -> tuple[float, int]:
    """Seconds of one `report.py`, and the peak memory in bytes of the largest child so far."""
    started = time.perf_counter()
    line = [sys.executable, str(ROOT / "report.py"), *arguments]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spent = time.perf_counter() - started
    return spent, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def main() -> None:
    """Print the figures next to their budgets."""
    start = min(timed("--help")[0] for _ in range(5))
    print(f"start (--help)          {start:6.2f} s   (budget {BUDGET_START_S} s)")
    with tempfile.TemporaryDirectory() as temporary:
        records = Path(temporary) / "records"
        size = write_records(records, TIMED)
        print(f"{TIMED:,} records are {size / 1e6:.0f} MB")
        for name, file in FORMATS:
            output = ["--output_file", str(Path(temporary) / file)] if file else []
            spent = min(
                timed("--results_dir", str(records), "--format", name, *output)[0] for _ in range(3)
            )
            print(f"{TIMED:,} records, {name:8} {spent:6.2f} s   (budget {BUDGET_S:g} s)")
        spent, _ = timed("--results_dir", str(records), "--history")
        print(f"{TIMED:,} records, history  {spent:6.2f} s")
    with tempfile.TemporaryDirectory() as temporary:
        size = write_records(Path(temporary), WEIGHED)
        print(f"{WEIGHED:,} records are {size / 1e6:.0f} MB")
        page = str(Path(temporary) / "r.html")
        spent, peak = timed("--results_dir", temporary, "--output_file", page)
        print(
            f"{WEIGHED:,} records, html   {spent:6.2f} s, peak {peak / 1e6:.0f} MB"
            f"   (budget {BUDGET_BYTES / 1e6:.0f} MB)"
        )


if __name__ == "__main__":
    main()
