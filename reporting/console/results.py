"""What benchmark.py, score.py and pipeline.py print at their end."""

from reporting.console.outcome import show as show_run
from reporting.console.performance import show as show_performance
from reporting.console.quality import show as show_quality

__all__ = ["show_performance", "show_quality", "show_run"]
