"""The shipped demo model is what its card says: size, shapes, tokenizer, measured accuracy."""

import json
import struct
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.demo_corpus import Corpus
from scripts.demo_model.recipe import TrainingConfig
from scripts.demo_model.release import LOG_FILE, model_card
from scripts.demo_model.tokenizer import BEGIN, document_text

MODEL = Path(__file__).parents[2] / "demo" / "model"


def read(name: str) -> dict[str, Any]:
    """Return a JSON file of the model's folder."""
    return json.loads((MODEL / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tensors() -> dict[str, Any]:
    """Return the safetensors header: name to dtype and shape."""
    with (MODEL / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Return the shipped tokenizer as transformers loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL)


def test_the_weights_are_small_bf16_and_counted_right(tensors: dict[str, Any]) -> None:
    parameters = sum(prod(tensor["shape"]) for tensor in tensors.values())
    assert (MODEL / "model.safetensors").stat().st_size <= 16_000_000
    assert {tensor["dtype"] for tensor in tensors.values()} == {"BF16"}
    assert 4_000_000 <= parameters <= 8_000_000
    assert parameters == read(LOG_FILE)["parameters"]


def test_group_128_quantization_accepts_every_linear_layer(tensors: dict[str, Any]) -> None:
    matrices = {n: t["shape"] for n, t in tensors.items() if len(t["shape"]) == 2}
    assert not {name: shape for name, shape in matrices.items() if shape[1] % 128}


def test_the_configuration_is_llama_with_room_for_1024_tokens() -> None:
    config = read("config.json")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "bfloat16"
    assert config["max_position_embeddings"] >= 1024


@pytest.mark.real  # imports transformers
def test_generation_is_greedy_and_stops(tokenizer: Any) -> None:
    generation = read("generation_config.json")
    assert generation["do_sample"] is False
    assert tokenizer.eos_token_id in generation["eos_token_id"]
    assert tokenizer.convert_tokens_to_ids("<|end_of_turn|>") in generation["eos_token_id"]


@pytest.mark.real  # imports transformers
def test_special_token_ids_of_configuration_and_tokenizer_agree(tokenizer: Any) -> None:
    config = read("config.json")
    for kind in ("bos", "eos", "pad"):
        assert config[f"{kind}_token_id"] == getattr(tokenizer, f"{kind}_token_id")
    assert len(tokenizer) == config["vocab_size"]


@pytest.mark.real  # imports transformers
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("1234", ["1", "2", "3", "4"]),
        ("<<48/2=24>>", ["<<", "4", "8", "/", "2", "=", "2", "4", ">>"]),
    ],
)
def test_digits_are_tokens_of_their_own(tokenizer: Any, text: str, pieces: list[str]) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert [tokenizer.decode([i]) for i in ids] == pieces


@pytest.mark.real  # imports transformers
def test_encoding_begins_with_the_begin_token_and_comes_back(tokenizer: Any) -> None:
    text = "Question: Is it so?\nAnswer: Yes, naïvely."
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.real  # imports transformers
def test_the_chat_template_renders_what_training_saw(tokenizer: Any) -> None:
    chats = [d for d in islice(Corpus(0).training_documents(), 200) if isinstance(d, list)]
    for messages in chats:
        rendered = tokenizer.apply_chat_template(messages, tokenize=False)
        assert rendered == BEGIN + document_text(messages)


@pytest.mark.real  # imports transformers
def test_the_chat_template_opens_the_assistants_turn(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompt == (
        "<|begin_of_text|><|system|>\nBe brief.<|end_of_turn|>\n"
        "<|user|>\nHi.<|end_of_turn|>\n<|assistant|>\n"
    )


@pytest.mark.parametrize(
    ("family", "measure", "least"),
    [
        ("arithmetic", "exact_match_5_shot", 0.30),
        ("hellaswag", "acc", 0.25 + 0.20),
        ("piqa", "acc", 0.50 + 0.20),
        ("arc", "acc", 0.25 + 0.20),
    ],
)
def test_each_family_is_learned_but_not_perfectly(family: str, measure: str, least: float) -> None:
    log = read(LOG_FILE)
    assert log["held_out_documents"] >= 250
    assert least <= log["held_out_accuracy"][family][measure] < 0.97


def test_the_log_shows_a_falling_loss_of_the_default_run() -> None:
    log = read(LOG_FILE)
    curve = log["loss_curve"]
    validated = [point["validation_loss"] for point in curve if "validation_loss" in point]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"] / 2
    assert validated[-1] == min(validated)
    assert TrainingConfig(**log["config"]) == TrainingConfig()
    assert curve[-1]["step"] == TrainingConfig().steps


def test_the_card_is_the_logs_and_says_what_the_model_is() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    assert card == model_card(read(LOG_FILE))
    assert yaml.safe_load(card.split("---")[1])["license"] == "apache-2.0"
    assert "useful for nothing but testing quantization tools" in card


@pytest.mark.parametrize("step", [0, 59, 700, 1200])
def test_the_plateaus_learning_rate_does_not_depend_on_the_runs_length(step: int) -> None:
    short, long = TrainingConfig(tokens=12_000_000), TrainingConfig(tokens=20_000_000)
    assert short.learning_rate(step) == long.learning_rate(step)
