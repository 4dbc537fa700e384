"""What a checkpoint takes over from its base as it is."""

from pathlib import Path

import pytest

from checkpoints import loading
from core.strict_json import Damaged

REFUSED = '{"temperature": 0.9, "top_p": 0.6}\n'  # by transformers' save_pretrained: no do_sample


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def test_what_compressing_does_not_change_is_copied_byte_for_byte(base: Path, made: Path) -> None:
    kept = {
        "generation_config.json": REFUSED,
        "tokenizer_config.json": '{"odd":   1}',
        "chat_template.jinja": "{{ messages }}",
        "additional_chat_templates/tool.jinja": "{{ tools }}",
        "LICENSE.txt": "as you like",
    }
    left = {"tokenizer.py": "1", "vocab.pkl": "2", "README.md": "3", "notes.txt": "4"}
    (base / "additional_chat_templates").mkdir()
    for name, text in {**kept, **left}.items():
        (base / name).write_text(text)
    loading.copy_beside_weights(base, made)
    assert {name: (made / name).read_text() for name in kept} == kept
    assert not any((made / name).exists() for name in (*left, "config.json", "model.safetensors"))


def test_a_link_that_leads_out_is_not_followed(base: Path, made: Path) -> None:
    (base.parent / "secret").write_text("secret")
    (base / "chat_template.jinja").symlink_to("../secret")
    with pytest.raises(Damaged, match="leads out of the checkpoint"):
        loading.copy_beside_weights(base, made)
    assert list(made.iterdir()) == []
