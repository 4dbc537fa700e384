"""A scheme added as CONTRIBUTING.md says, with a number format that has no preset, for real."""

import json
from pathlib import Path

import pytest

from tests.test_additions import copy_of_the_tree, run, scheme_of_contributing

pytestmark = pytest.mark.real

LITTLE_TEXT = ("--num_calibration_samples", 4, "--max_sequence_length", 32)

GPTQ_64 = scheme_of_contributing()
ROUNDED_64 = (
    GPTQ_64.replace("gptq,", "rtn,").replace("GPTQ", "RTN").replace("ion=True", "ion=False")
)
ROUNDED_PER_ROW = (
    ROUNDED_64.replace("group=64", 'group="channel", weight_bits=8')
    .replace("weight_bits=4", "weight_bits=8")
    .replace('"W4A16", group_size=64', '"W8A16", strategy="channel", group_size=None')
)
CONTRADICTORY = ROUNDED_64.replace("group=64", "group=32")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with three files more in schemes/."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    (tree / "schemes" / "int4_w4a16_g64.py").write_text(GPTQ_64)
    (tree / "schemes" / "int8_w8a16_channel.py").write_text(ROUNDED_PER_ROW)
    (tree / "schemes" / "int4_w4a16_odd.py").write_text(CONTRADICTORY)
    return tree


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "INT4-W4A16-G64",
            "W4A16: weights INT4 group 64, activations stay 16-bit (pack-quantized)",
        ),
        (
            "INT8-W8A16-CHANNEL",
            "W8A16: weights INT8 channel, activations stay 16-bit (pack-quantized)",
        ),
    ],
)
def test_it_is_compressed_verified_and_understood(tree: Path, name: str, words: str) -> None:
    run(tree, "compress.py", "--compression_type", name, "--model_id", "demo", *LITTLE_TEXT)
    printed = run(tree, "analyze.py", f"demo-{name}", "--base", "demo", "--json")
    (looked_at,) = json.loads(printed.splitlines()[-1])
    assert looked_at["findings"] == [], looked_at
    assert looked_at["overview"]["groups"] == [words]


def test_a_file_that_contradicts_itself_leaves_no_checkpoint(tree: Path) -> None:
    line = ("compress.py", "--compression_type", "INT4-W4A16-ODD", "--model_id", "demo")
    error = run(tree, *line, *LITTLE_TEXT, exit_code=1)
    assert "scales: the checkpoint declares group 64, the scheme group 32" in error
    assert not (tree / "demo-INT4-W4A16-ODD").exists()
