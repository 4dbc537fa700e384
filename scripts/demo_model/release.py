"""Write what is shipped of the demo model: weights, tokenizer, training log and model card.

The card's figures come from the log and the log's from the saved bf16 weights, read back.

Example: ``save_model(model, tokenizer, Path("demo/model"))``
"""

import json
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from scripts.demo_corpus import Corpus

from .evaluation import CHANCE, FAMILIES, SHOTS, evaluate
from .recipe import Progress, TrainingConfig

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LOG_FILE = "training_log.json"
CARD_TEMPLATE = Path(__file__).with_name("model_card.md")
TITLES = {
    "arithmetic": "arithmetic (GSM8K's format)",
    "hellaswag": "events (HellaSwag's format)",
    "piqa": "goals (PIQA's format)",
    "arc": "facts (ARC's format)",
}


def save_model(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", folder: Path
) -> None:
    """Write the Hugging Face folder: bf16 safetensors, configuration, tokenizer."""
    import torch
    from transformers import GenerationConfig

    end_of_turn = tokenizer.convert_tokens_to_ids("<|end_of_turn|>")
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id, end_of_turn],
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _name_tokenizer_class(folder / "tokenizer_config.json")


def _name_tokenizer_class(path: Path) -> None:
    """Name the class that transformers 4 knows too; 5 alone writes ``TokenizersBackend``."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def evaluate_and_describe(
    folder: Path, corpus: Corpus, config: TrainingConfig, progress: Progress, documents: int
) -> None:
    """Measure the saved model and write its training log and model card."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    log = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": asdict(config),
        "training_tokens": config.steps * config.tokens_per_step,
        "training_wall_time_s": round(progress.wall_time_s, 1),
        "held_out_documents": documents,
        "held_out_accuracy": evaluate(model, tokenizer, corpus, documents),
        "chance": CHANCE,
        "loss_curve": progress.loss_curve,
    }
    (folder / LOG_FILE).write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(log), encoding="utf-8")


def model_card(log: dict[str, Any]) -> str:
    """Fill the card's template from a training log."""
    last = log["loss_curve"][-1]
    return Template(CARD_TEMPLATE.read_text(encoding="utf-8")).substitute(
        parameters_millions=f"{log['parameters'] / 1e6:.2f}",
        tokens_millions=f"{log['training_tokens'] / 1e6:.1f}",
        minutes=f"{log['training_wall_time_s'] / 60:.0f}",
        workers=log["config"]["workers"],
        seed=log["config"]["seed"],
        train_loss=f"{last['train_loss']:.3f}",
        validation_loss=f"{last['validation_loss']:.3f}",
        documents=log["held_out_documents"],
        shots=SHOTS,
        accuracies=_accuracy_rows(log),
    )


def _accuracy_rows(log: dict[str, Any]) -> str:
    rows = []
    for family in FAMILIES:
        for measure, value in log["held_out_accuracy"][family].items():
            rows.append(f"| {TITLES[family]} | {measure} | {value:.1%} | {CHANCE[family]:.0%} |")
    return "\n".join(rows)
