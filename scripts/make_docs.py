"""Writes the parts of the docs that list things, from the code: `make docs`.

docs/schemes.md comes from the registry, docs/commands.md from every command's --help, the tables of
docs/requirements.md from scripts/sizes.py. A test
(tests/test_docs.py) fails when they differ from what this prints.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.scheme import Storage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

COMMANDS = (
    "compress.py", "download_model.py", "benchmark.py", "score.py", "pipeline.py", "analyze.py",
    "report.py", "vllm_test.py",
)  # fmt: skip

SCHEMES_HEAD = """# Schemes

<!-- written by `make docs` from schemes/*.py -->

`python compress.py --list` prints this table with what your machine can serve. A scheme is one
file in `schemes/`; every name works with `-` or `_`, in any case.

*Stored as* is compressed-tensors' format (`bitsandbytes-`: that library's own) and what shares
one scale: a group of input columns, an output row (*channel*), a block or the whole tensor.
*bits/weight* is what a 4096 x 4096 layer takes on disk, scales and zero points included. *GPU* is
the lowest NVIDIA compute capability that computes natively in vLLM 0.32 (in brackets: the lowest
that runs it by fallback, weight-only), and the package it needs for that; *CPU* says whether
vLLM's CPU backend has a kernel, and for which processors. `--engine transformers` serves
bitsandbytes' formats on any machine. All schemes that compress leave `lm_head` as it is. To add
one: [CONTRIBUTING](../CONTRIBUTING.md#to-add-a-scheme).

`FP32`, `FP16` and `BF16` are the base in another dtype, and are served in it: left alone vLLM
serves 32-bit checkpoints in 16 bits, `BASE` as well. `BNB-NF4` and `BNB-FP4` are made with double
quantization (`--bnb_4bit_use_double_quant false`: without, 4.50 bits) and, unless
`--bnb_4bit_compute_dtype` says otherwise, to be multiplied in the base's dtype. bitsandbytes 0.50
multiplies in bfloat16 on processors with AVX512-BF16 whatever was asked; records say what ran.

| scheme | what | method | text | stored as | bits/weight | GPU | CPU |
|---|---|---|---|---|---|---|---|
"""
SIZES, SIZES_END = "<!-- written by `make docs` -->\n", "<!-- end -->"
COMMANDS_HEAD = """# Commands

<!-- written by `make docs` from every command's --help -->

Options are spelled with underscores as below; dashes work too. Exit codes: 0 done, 1 something
failed while the rest went on, 2 bad input, 3 a regression (`report.py`), 130 interrupted. Progress
goes to stderr; with `--json` the last line of stdout is one JSON document. A terminal that is
narrower than a table gets its columns in blocks, the important ones first; files and pipes get
tables and lines as wide as they are, unless `COLUMNS` says a width.
"""
GLOSSARY_HEAD = """# Words

<!-- written by `make docs` from reporting/contents/glossary.py -->

What reports mean by the words in their headings; the page shows them as tooltips too. How each
figure is measured: [measuring](measuring.md), [quality](quality.md), [analyzing](analyzing.md).

"""


def schemes_page() -> str:
    """docs/schemes.md."""
    from core import plugins
    from core.words import bits_text

    rows = []
    for stem in plugins.names("schemes"):
        scheme = plugins.load("schemes", stem)
        serving = scheme.serving
        gpu = serving.needs.replace("compute capability ", "").replace("exactly", "only")
        if serving.native is None and serving.only is None:
            gpu = "-"
        if serving.package:
            gpu += f" with {serving.package}"
        if serving.fallback:
            gpu += " ({}.{})".format(*serving.fallback)
        cells = [
            f"`{plugins.shown('schemes', stem)}`",
            scheme.summary,
            scheme.method,
            "yes" if scheme.calibration else "-",
            _stored(scheme.storage),
            bits_text(scheme.storage.bits_per_weight()),
            gpu,
            serving.cpu,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return SCHEMES_HEAD + "\n".join(rows) + "\n"


def _stored(storage: "Storage") -> str:
    """`pack-quantized, group 128`."""
    return storage.format if storage.format == "dense" else f"{storage.format}, {storage.shared}"


def commands_page() -> str:
    """docs/commands.md."""
    parts = [COMMANDS_HEAD]
    for command in COMMANDS:
        line = [sys.executable, str(ROOT / command), "--help"]
        environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
        done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment)
        shown = "\n".join(text.rstrip() for text in done.stdout.strip().splitlines())
        parts.append(f"\n## {command}\n\n```text\n{shown}\n```\n")
    return "".join(parts)


def glossary_page() -> str:
    """docs/glossary.md."""
    from reporting.contents.glossary import TERMS

    terms = sorted(TERMS.items(), key=lambda item: item[0].casefold())
    return GLOSSARY_HEAD + "".join(f"* **{term}**: {text}\n" for term, (_, text) in terms)


def requirements_page() -> str:
    """docs/requirements.md as it is, its tables of sizes new."""
    page = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    before, rest = page.split(SIZES, 1)
    _, after = rest.split(SIZES_END, 1)
    line = [sys.executable, str(ROOT / "scripts" / "sizes.py")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return f"{before}{SIZES}\n{done.stdout.strip()}\n\n{SIZES_END}{after}"


PAGES = {
    "docs/schemes.md": schemes_page,
    "docs/commands.md": commands_page,
    "docs/glossary.md": glossary_page,
    "docs/requirements.md": requirements_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        print(f"wrote {name}")
