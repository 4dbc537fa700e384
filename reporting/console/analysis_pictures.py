"""Pictures of what `analyze.py` found: bytes by dtype, SQNR layer by layer (PNG)."""

from pathlib import Path
from typing import Any

from core.errors import UserError
from reporting.contents import checkpoints

WIDTH, DPI = 9.0, 144  # inches, dots per inch
SPAN_DB = 6.0  # at least one bit from bottom to top, or noise would look like a difference


def draw(results: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Save the pictures there is something to show on; returns their paths."""
    try:
        import matplotlib
    except ModuleNotFoundError as problem:
        raise UserError("pictures need matplotlib, which is not installed") from problem
    matplotlib.use("agg")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = [_bytes(results, folder / "bytes_by_dtype.png")]
        compared = [r for r in results if r.get("numeric") and r["numeric"]["layers"]]
        if compared:
            made.append(_sqnr(compared, folder / "sqnr_by_layer.png"))
    except OSError as problem:
        raise UserError(f"cannot write pictures to {folder}: {problem.strerror}") from problem
    return made


def _bytes(results: list[dict[str, Any]], path: Path) -> Path:
    """One bar a checkpoint, one colour a dtype."""
    from matplotlib import pyplot

    seen = [r for r in results if r.get("overview")]
    names = [Path(r["name"]).name for r in seen]
    figure, axes = pyplot.subplots(figsize=(WIDTH, 1.2 + 0.4 * len(seen)))
    left = [0.0] * len(seen)
    for dtype, sizes in checkpoints.by_dtype(
        [r["overview"]["bytes_by_dtype"] for r in seen]
    ).items():
        wide = [number / (1 << 20) for number in sizes]
        axes.barh(names, wide, left=left, label=dtype)
        left = [a + b for a, b in zip(left, wide, strict=True)]
    axes.margins(x=0.02)
    axes.invert_yaxis()
    axes.set_xlabel("MiB on disk")
    axes.legend(title="dtype", bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False)
    return _save(pyplot, figure, path)


def _sqnr(results: list[dict[str, Any]], path: Path) -> Path:
    """One panel a checkpoint: SQNR over the depth of the model, one line a kind of layer."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        len(results), 1, figsize=(WIDTH, 2.6 * len(results)), sharex=True, squeeze=False
    )
    for axes, result in zip(panels[:, 0], results, strict=True):
        for kind, points in checkpoints.by_kind(result["numeric"]["layers"]).items():
            depth, decibel = zip(*points, strict=True)
            axes.plot(depth, decibel, marker="o", markersize=3, linewidth=1, label=kind)
        low, high = axes.get_ylim()
        if high - low < SPAN_DB:
            axes.set_ylim((low + high - SPAN_DB) / 2, (low + high + SPAN_DB) / 2)
        axes.set_title(Path(result["name"]).name, loc="left", fontsize=10)
        axes.set_ylabel("SQNR dB")
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1, 0].set_xlabel("decoder layer")
    panels[0, 0].legend(bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False, fontsize=8)
    return _save(pyplot, figure, path)


def _save(pyplot: Any, figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    pyplot.close(figure)
    return path
