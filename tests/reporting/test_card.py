"""Model cards: a section, metadata that the hub's own library reads back."""

from pathlib import Path

import pytest

from checkpoints import checkpoint
from tests import models
from tests.report_case import typical, write


def test_model_card(report, base: Path, tmp_path: Path) -> None:
    folder = models.write_compressed(tmp_path / "tiny-INT8-W8A8", base, "INT8-W8A8")
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [mine]\n---\n# Kept\n")
    mark = checkpoint.read(folder).fingerprint
    made_of = {"fingerprint": mark, "manifest": {"base": {"repo_id": "org/Tiny", "path": "tiny"}}}
    found = [
        r.model_copy(update={"subject": r.subject.model_copy(update=made_of)})
        if r.subject.scheme == "INT8-W8A8"
        else r
        for r in typical()
    ]
    write(tmp_path / "perf_results", found)
    for _ in range(2):
        done = report("--write_card", folder.name)
        assert done.exit_code == 0, done.stderr
    from huggingface_hub import ModelCard

    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "mit" and card.data.tags == ["mine", "vllm", "packed"]
    assert card.data.base_model == "org/Tiny" and card.data.base_model_relation == "quantized"
    assert card.data.library_name == "vllm" and card.data.pipeline_tag == "text-generation"
    scores = {r.dataset_name: r.metric_value for r in card.data.eval_results}
    assert scores["demo_arc_easy"] == pytest.approx(0.77, abs=0.01) and len(scores) == 3
    assert "# Kept" in card.text and card.text.count("report.py: start") == 1
    assert "vllm serve tiny-INT8-W8A8" in card.text
    (folder / "README.md").write_text("---\nbase_model: [a/b, c/d]\n---\n")
    assert report("--write_card", folder.name).exit_code == 0
    assert ModelCard.load(folder / "README.md").data.base_model == ["a/b", "c/d"]
    unknown = report("--format", "card", "--use_case", "memory").stdout
    assert "library_name: vllm" in unknown and "license" not in unknown
    (folder / "README.md").write_text("---\n: {\n---\n")
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and "metadata cannot be read" in done.stderr
    models.write_safetensors(folder / "model.safetensors", {"x": ("BF16", (2, 2))})
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and "not those the records are about" in done.stderr
