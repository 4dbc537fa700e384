"""Pictures of what `analyze.py` found: bytes by dtype, SQNR layer by layer (PNG)."""

from contextlib import chdir
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import cli
from core.errors import UserError
from core.plugins import ROOT
from inspection.data import Inspection
from inspection.numeric import LayerError
from reporting.contents import checkpoints

MIB = 1 << 20
WIDTH, DPI = 9.0, 144  # inches, dots per inch
LONGEST = 60  # characters of a name
SPAN_DB = 6.0  # at least one bit from bottom to top, or noise would look like a difference


def draw(inspections: list[Inspection], folder: Path) -> list[Path]:
    """Save a picture of bytes and, of compared checkpoints, one of SQNR; returns their paths.

    Raises `UserError` without matplotlib and for a folder that cannot be written.
    """
    try:
        with chdir(ROOT):  # it would read a matplotlibrc of the current folder
            import matplotlib
    except ModuleNotFoundError as problem:
        raise UserError("pictures need matplotlib, which is not installed") from problem
    matplotlib.use("agg")
    matplotlib.rcParams["text.parse_math"] = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sizes = {i.name: i.overview.bytes_by_dtype for i in inspections if i.overview}
        paths = [_bytes(sizes, folder / "bytes_by_dtype.png")]
        errors = {i.name: i.numeric.layers for i in inspections if i.numeric and i.numeric.layers}
        if errors:
            paths.append(_sqnr(errors, folder / "sqnr_by_layer.png"))
    except OSError as problem:
        raise UserError(f"cannot write pictures to {folder}: {problem.strerror}") from problem
    return paths


def _bytes(sizes: dict[str, dict[str, int]], path: Path) -> Path:
    """One bar a checkpoint, one colour a dtype."""
    from matplotlib import pyplot

    names = [_label(Path(name).name) for name in sizes]
    figure, axes = pyplot.subplots(figsize=(WIDTH, 1.2 + 0.4 * len(names)))
    left = [0.0] * len(names)
    for dtype, row in checkpoints.by_dtype(list(sizes.values())).items():
        widths = [number / MIB for number in row]
        axes.barh(names, widths, left=left, label=dtype)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.margins(x=0.02)
    axes.invert_yaxis()
    axes.set_xlabel("MiB on disk")
    axes.legend(title="dtype", bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False)
    return _save(pyplot, figure, path)


def _sqnr(errors: dict[str, list[LayerError]], path: Path) -> Path:
    """One panel a checkpoint: SQNR over the depth of the model, one line a kind of layer."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        len(errors), 1, figsize=(WIDTH, 2.6 * len(errors)), sharex=True, squeeze=False
    )
    for axes, (name, layers) in zip(panels[:, 0], errors.items(), strict=True):
        for kind, points in checkpoints.by_kind([asdict(layer) for layer in layers]).items():
            depth, decibel = zip(*points, strict=True)
            axes.plot(depth, decibel, marker="o", markersize=3, linewidth=1, label=_label(kind))
        low, high = axes.get_ylim()
        if high - low < SPAN_DB:
            axes.set_ylim((low + high - SPAN_DB) / 2, (low + high + SPAN_DB) / 2)
        axes.set_title(_label(Path(name).name), loc="left", fontsize=10)
        axes.set_ylabel("SQNR dB")
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1, 0].set_xlabel("decoder layer")
    panels[0, 0].legend(bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False, fontsize=8)
    return _save(pyplot, figure, path)


def _label(text: str) -> str:
    """A name from files as matplotlib writes it; it makes room for the whole of a long one."""
    return cli.one_line(text)[:LONGEST]


def _save(pyplot: Any, figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    pyplot.close(figure)
    return path
