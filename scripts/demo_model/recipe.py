"""The demo model's recipe: architecture, optimizers, and the numbers of a training run.

Example: ``TrainingConfig().steps``
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .tokenizer import VOCABULARY

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that determines a training run in addition to the corpus."""

    seed: int = 0
    tokens: int = 9_000_000
    tokens_per_step: int = 6144
    workers: int = 2
    sequence_tokens: int = 512
    long_sequence_tokens: int = 1024
    long_share: float = 0.1
    peak_learning_rate: float = 3e-3
    warmup_steps: int = 60
    decay_share: float = 0.25
    weight_decay: float = 0.1
    validation_steps: int = 8
    steps_between_validations: int = 250
    steps_between_log_points: int = 25
    seconds_between_checkpoints: float = 240.0

    @property
    def steps(self) -> int:
        """Number of optimizer steps."""
        return self.tokens // self.tokens_per_step

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, a plateau, then linear decay (to a fiftieth) over ``decay_share``.

        The plateau does not depend on the run's length, so a run can be resumed to more tokens.
        """
        rise = (step + 1) / self.warmup_steps
        fall = (self.steps - step) / (self.steps * self.decay_share)
        return self.peak_learning_rate * max(min(rise, 1.0, fall), 0.02)

    def row_tokens(self, step: int) -> int:
        """Sequence length at ``step``: long only in the last part, attention being the dear bit."""
        long = step >= self.steps * (1 - self.long_share)
        return self.long_sequence_tokens if long else self.sequence_tokens


@dataclass
class Progress:
    """What a run has to remember across a restart, in addition to weights and optimizer state."""

    step: int = 0
    wall_time_s: float = 0.0
    loss_curve: list[dict[str, float]] = field(default_factory=list)


def build_model(seed: int) -> "LlamaForCausalLM":
    """Return the untrained model; every ``in_features`` is a multiple of 128."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=2048,
        rope_theta=10000.0,
        initializer_range=0.02,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=3,
    )
    return LlamaForCausalLM(config)


def build_optimizers(
    model: "LlamaForCausalLM", config: TrainingConfig
) -> list["torch.optim.Optimizer"]:
    """Return Muon for the layers' matrices and AdamW for the rest.

    Muon (Jordan et al., 2024) learns seldom-met associations in fewer tokens than AdamW alone,
    and tokens are what two cores are short of.
    """
    import torch

    layers = [p for p in model.model.layers.parameters() if p.dim() > 1]
    rest = [model.model.embed_tokens.weight, model.lm_head.weight]
    norms = [p for p in model.parameters() if p.dim() == 1]
    muon = torch.optim.Muon(
        layers,
        lr=config.peak_learning_rate,
        momentum=0.95,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(
        [
            {"params": rest, "weight_decay": config.weight_decay},
            {"params": norms, "weight_decay": 0.0},
        ],
        lr=config.peak_learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    return [muon, adamw]
