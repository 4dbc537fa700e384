"""What a checkpoint takes over from its base as it is."""

import importlib.util
import re
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


def test_every_kind_of_tokenizer_is_copied() -> None:
    """The names that transformers' tokenizers say their vocabularies have."""
    package = importlib.util.find_spec("transformers")
    assert package is not None and package.origin is not None
    names: set[str] = set()
    for file in Path(package.origin).parent.glob("models/*/tokenization_*.py"):
        for table in re.findall(r"^VOCAB_FILES_NAMES = \{(.*?)\}", file.read_text(), re.S | re.M):
            names |= {name for _, name in re.findall(r"""(["'])([\w.-]+\.\w+)\1""", table)}
    assert {"tokenizer.json", "sentencepiece.bpe.model", "vocab.txt"} <= names
    assert [name for name in sorted(names) if not loading.is_beside_weights(name)] == []
    assert loading.is_beside_weights("tekken.json")


def test_own_code_is_copied_where_it_is_trusted(base: Path, made: Path) -> None:
    (base / "modeling_own.py").write_text("1")
    loading.copy_beside_weights(base, made)
    assert list(made.iterdir()) == []
    loading.copy_beside_weights(base, made, own_code=True)
    assert [file.name for file in made.iterdir()] == ["modeling_own.py"]
