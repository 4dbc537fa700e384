"""Turn records into a decision: which scheme to deploy, and why.

    python report.py
    python report.py --model demo --format html
    python report.py --metric speed --output_file results/speed_comparison.png
    python report.py --compare 20260101T 20260201T

Reads perf_results/ and eval_results/ (ours and lm-eval's files); needs neither torch nor vLLM nor
a GPU. Exit code 3 means that a comparison found a regression.
"""

import typer

from core import cli
from reporting.console.report_options import ReportOptions

REGRESSION = 3


def main(options: ReportOptions) -> None:
    """Say which scheme to deploy, and why, from records."""
    from reporting.console import reports

    if reports.make(options):
        raise typer.Exit(REGRESSION)


app = cli.application(main)

if __name__ == "__main__":
    app()
