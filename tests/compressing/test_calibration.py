"""Calibration text from a model's own tokenizer and chat template, which may be anybody's."""

import json
import shutil
from pathlib import Path

import pytest

from checkpoints.models import DEMO_PATH
from compressing import calibration
from core.errors import UserError

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The demo model without its weights."""
    ignore = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(DEMO_PATH, tmp_path / "model", ignore=ignore))


def texts(tmp_path: Path, *documents: dict) -> str:
    lines = [json.dumps(document) + "\n" for document in documents]
    (tmp_path / "texts.jsonl").write_text("".join(lines))
    return str(tmp_path / "texts.jsonl")


def test_chats_and_texts_become_tokens(model: Path, tmp_path: Path) -> None:
    source = texts(tmp_path, {"messages": CHAT}, {"text": "Hi"})
    made = calibration.calibrate(model, source, 2, 8, 0, trust=False)
    assert len(made.rows) == 2 and all(1 <= len(row) <= 8 for row in made.rows)
    again = calibration.calibrate(model, source, 2, 8, 0, trust=False)
    assert again.fingerprint == made.fingerprint


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ("{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
         "did not end within 2 s"),
        ("{{ 'a' * 9999999999 }}", "wants more than 1024 MiB"),
        ("{{ raise_exception('no') }}", "it refuses a chat of"),
    ],
)  # fmt: skip
def test_a_template_that_harms_only_on_some_chats_is_bounded(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, sentence: str
) -> None:
    template = "{% if messages[0].content == 'now' %}" + harm + "{% endif %}harmless"
    (model / "chat_template.jinja").write_text(template)
    monkeypatch.setattr(calibration, "RENDERING_S", 2)
    monkeypatch.setattr(calibration, "RENDERING_BYTES", 1 << 30)
    source = texts(tmp_path, {"messages": CHAT}, {"messages": [{**CHAT[0], "content": "now"}]})
    calibration.check(source, 2, model)
    with pytest.raises(UserError, match=f"^the chat template of model.* {sentence}"):
        calibration.calibrate(model, source, 2, 8, 0, trust=False)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("tokenizer.json", '{"version": "1.0", ', "cannot be loaded"),
        (
            "tokenizer_config.json",
            '{"auto_map": {"AutoTokenizer": ["theirs.Tokenizer", null]}}',
            "contains custom code",
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_loaded_is_said(
    model: Path, tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    (model / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        calibration.calibrate(model, texts(tmp_path, {"text": "Hi"}), 1, 8, 0, trust=False)
