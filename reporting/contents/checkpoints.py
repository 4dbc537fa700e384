"""What `analyze.py --save` found inside each checkpoint: a table, a block of details, charts.

The record's raw values are the result of `analyze.py --json`; missing or malformed parts are
left out.
"""

import statistics
from typing import Any

from core.words import bits_text, several, size
from reporting.contents.cells import EMPTY, Cell, Column, Table
from reporting.contents.tables import one_per_scheme
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study

TITLE = "Checkpoints"
SMALL_SHARE = 0.01  # dtypes below this share of every checkpoint are put together


def inside(candidate: Candidate) -> dict[str, Any]:
    """The result of the newest analysis, empty where there is none."""
    stored = candidate.analysis
    return stored.raw() if stored is not None and stored.record.status == "ok" else {}


def table(study: Study) -> Table:
    """A row a scheme: verdict, bits per weight, bytes by dtype, median SQNR, worst layer."""
    analyses = {c.scheme: inside(c) for c in study.candidates}
    columns: list[Column] = [
        ("declared against stored", lambda c: _verdict(analyses[c.scheme])),
        ("bits/weight", lambda c: _bits(analyses[c.scheme])),
        ("bytes by dtype", lambda c: _dtypes(analyses[c.scheme])),
        ("median SQNR dB", lambda c: _median(analyses[c.scheme])),
        ("worst layer", lambda c: _worst(analyses[c.scheme])),
    ]
    return one_per_scheme(study, "checkpoints", TITLE, columns)


def verdict(result: dict[str, Any]) -> str:
    """`as declared`, or how many findings."""
    number = len(result.get("findings") or [])
    return several(number, "finding") if number else "as declared"


def _verdict(result: dict[str, Any]) -> Cell:
    words = verdict(result)
    return Cell(words, None, "good" if words == "as declared" else "bad") if result else EMPTY


def _bits(result: dict[str, Any]) -> Cell:
    bits = (result.get("overview") or {}).get("bits_per_weight")
    return EMPTY if bits is None else Cell(bits_text(bits), bits)


def _dtypes(result: dict[str, Any]) -> Cell:
    sizes = (result.get("overview") or {}).get("bytes_by_dtype") or {}
    return Cell(", ".join(f"{dtype} {size(n)}" for dtype, n in sizes.items())) if sizes else EMPTY


def layers(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers that were compared with the base's, worst first; equal ones have no SQNR."""
    return list((result.get("numeric") or {}).get("layers") or [])


def _median(result: dict[str, Any]) -> Cell:
    known = [layer["sqnr_db"] for layer in layers(result) if layer["sqnr_db"] is not None]
    return Cell(f"{statistics.median(known):.1f}", statistics.median(known)) if known else EMPTY


def _worst(result: dict[str, Any]) -> Cell:
    known = [layer for layer in layers(result) if layer["sqnr_db"] is not None]
    if not known:
        return EMPTY
    worst = min(known, key=lambda layer: layer["sqnr_db"])
    return Cell(f"{worst['module']} ({worst['sqnr_db']:.1f} dB)")


def kind_rows(result: dict[str, Any]) -> list[list[str]]:
    """Kinds of layers: name, stored as, number, bits per weight, size."""
    return [
        [
            str(kind["name"]),
            str(kind["stored"]),
            str(kind["layers"]),
            bits_text(kind["bits_per_weight"]),
            size(kind["nbytes"]),
        ]
        for kind in (result.get("overview") or {}).get("kinds") or []
    ]


def layer_rows(result: dict[str, Any]) -> list[list[str]]:
    """Layers against the base: name, SQNR, relative error."""
    return [
        [
            str(layer["module"]),
            "equal" if layer["sqnr_db"] is None else f"{layer['sqnr_db']:.2f}",
            f"{layer['relative_error']:.2%}",
        ]
        for layer in layers(result)
    ]


def chart_data(study: Study) -> dict[str, Any]:
    """`dtypes`: MiB of each dtype by scheme, stacked; `sqnr`: dB over depth, a line a kind."""
    analyses = {c.scheme: result for c in study.candidates if (result := inside(c))}
    sizes = {
        scheme: of_dtype
        for scheme, result in analyses.items()
        if (of_dtype := (result.get("overview") or {}).get("bytes_by_dtype"))
    }
    data: dict[str, Any] = {}
    if sizes:
        series = {
            dtype: [number / (1 << 20) for number in row]
            for dtype, row in by_dtype(list(sizes.values())).items()
        }
        data["dtypes"] = {"title": "Bytes by dtype", "names": list(sizes), "series": series}
    lines = {scheme: by_kind(layers(result)) for scheme, result in analyses.items()}
    drawn = [
        {"title": f"SQNR over depth, {scheme}", "lines": of_kind}
        for scheme, of_kind in lines.items()
        if of_kind
    ]
    return {**data, "sqnr": drawn} if drawn else data


def by_dtype(checkpoints: list[dict[str, int]]) -> dict[str, list[int]]:
    """Bytes of every checkpoint by dtype, small ones as `other`."""
    dtypes = dict.fromkeys(dtype for sizes in checkpoints for dtype in sizes)
    by_dtype = {dtype: [sizes.get(dtype, 0) for sizes in checkpoints] for dtype in dtypes}
    totals = [max(sum(sizes.values()), 1) for sizes in checkpoints]
    small = [
        dtype
        for dtype, sizes in by_dtype.items()
        if all(size < SMALL_SHARE * total for size, total in zip(sizes, totals, strict=True))
    ]
    other = [sum(column) for column in zip(*(by_dtype.pop(dtype) for dtype in small), strict=True)]
    return {**by_dtype, "other": other} if small else by_dtype


def by_kind(layers: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Depth and SQNR of layers by the last part of their name, shallow first."""
    kinds: dict[str, list[tuple[int, float]]] = {}
    for layer in layers:
        parts = layer["module"].split(".")
        depth = next((int(part) for part in parts if part.isdecimal()), 0)
        if layer["sqnr_db"] is not None:
            kinds.setdefault(parts[-1], []).append((depth, layer["sqnr_db"]))
    return {kind: sorted(points) for kind, points in sorted(kinds.items())}
