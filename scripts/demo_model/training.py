"""Train the demo model: the corpus as one stream of tokens, Muon and AdamW, bf16 autocast.

The number of tokens is fixed, not the time, so that two runs see the same text. A rolling
checkpoint in an ignored folder lets a killed run go on with ``--resume``.

Example: ``train(TrainingConfig(), Corpus(0), tokenizer, Path("build/demo_model.pt"))``
"""

import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.demo_corpus import Corpus

from .recipe import Progress, TrainingConfig, build_model, build_optimizers
from .tokenizer import BEGIN, END, VOCABULARY, document_text

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

DOCUMENTS_PER_CHUNK = 5000


def token_stream(
    corpus: Corpus,
    tokenizer: "PreTrainedTokenizerFast",
    purpose: str,
    steps: int,
    tokens_per_step: int,
) -> "np.ndarray":
    """Return one row of ``tokens_per_step`` token ids for each step: documents end to end."""
    import numpy as np

    backend = tokenizer.backend_tokenizer
    stream, chunks, held = corpus.training_documents(purpose), [], 0
    while held < steps * tokens_per_step:
        documents = islice(stream, DOCUMENTS_PER_CHUNK)
        texts = [BEGIN + document_text(document) + END for document in documents]
        encodings = backend.encode_batch(texts, add_special_tokens=False)
        chunks.append(np.concatenate([np.array(e.ids, dtype=np.uint16) for e in encodings]))
        held += len(chunks[-1])
    return np.concatenate(chunks)[: steps * tokens_per_step].reshape(steps, tokens_per_step)


def train(
    config: TrainingConfig,
    corpus: Corpus,
    tokenizer: "PreTrainedTokenizerFast",
    checkpoint: Path,
    resume: bool = False,
) -> tuple["LlamaForCausalLM", Progress]:
    """Train from scratch, or on from ``checkpoint``; return model and progress."""
    import torch

    text = token_stream(corpus, tokenizer, "training", config.steps, config.tokens_per_step)
    validation = token_stream(
        corpus, tokenizer, "validation", config.validation_steps, config.tokens_per_step
    )
    parameters = sum(p.numel() for p in build_model(config.seed).parameters())
    exchange = Exchange(
        torch.zeros(config.workers, parameters).share_memory_(),
        torch.multiprocessing.get_context("spawn").Barrier(config.workers),
    )
    torch.multiprocessing.spawn(
        _work, nprocs=config.workers, args=(config, text, validation, checkpoint, resume, exchange)
    )
    state = torch.load(checkpoint, weights_only=True)
    model = build_model(config.seed)
    model.load_state_dict(state["model"])
    return model.eval(), Progress(**state["progress"])


@dataclass(frozen=True)
class Exchange:
    """Where the workers put their gradients, a row each, and how they wait for one another."""

    gradients: "torch.Tensor"
    barrier: Any

    def average(self, rank: int, parameters: "list[torch.nn.Parameter]") -> None:
        """Replace every worker's gradients by their mean over the workers."""
        import torch

        torch.cat([p.grad.reshape(-1) for p in parameters], out=self.gradients[rank])
        self.barrier.wait()
        mean = self.gradients.mean(dim=0)
        self.barrier.wait()  # nobody writes the next gradients before all have read these
        for p, gradient in zip(
            parameters, mean.split([p.numel() for p in parameters]), strict=True
        ):
            p.grad.copy_(gradient.view_as(p))


def _work(
    rank: int,
    config: TrainingConfig,
    text: "np.ndarray",
    validation: "np.ndarray",
    checkpoint: Path,
    resume: bool,
    exchange: Exchange,
) -> None:
    """Train as worker ``rank``: one thread, its share of every step's rows.

    One-thread workers meet once a step; two threads in one process meet at every operation,
    which is slower here, and several times slower when something else uses the cores.
    """
    import torch

    torch.set_num_threads(1)
    run = Run(config, build_model(config.seed), checkpoint, rank, exchange)
    if resume:
        run.load()
    while run.progress.step < config.steps:
        run.take_step(text[run.progress.step])
        if rank == 0:
            run.report(validation)


class Run:
    """A training run in progress: model, optimizer, what was logged, the checkpoint file."""

    def __init__(
        self,
        config: TrainingConfig,
        model: "LlamaForCausalLM",
        checkpoint: Path,
        rank: int,
        exchange: Exchange,
    ) -> None:
        import torch

        self.config, self.model, self.checkpoint = config, model, checkpoint
        self.rank, self.exchange = rank, exchange
        self.optimizers = build_optimizers(model, config)
        self.forward = torch.compile(self._loss)  # a third faster than eager on two cores
        self.progress = Progress()
        self._recent_losses: list[float] = []
        self._clock = self._saved_at = self._started_at = time.monotonic()
        self._first_step = 0

    def load(self) -> None:
        """Continue from the checkpoint."""
        import torch

        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])
        self._first_step = self.progress.step

    def take_step(self, tokens: "np.ndarray") -> None:
        """One optimizer step on ``tokens_per_step`` token ids."""
        import torch

        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate(self.progress.step)
        loss = self.forward(self._rows(tokens)[self.rank :: self.config.workers])
        loss.backward()
        self.exchange.average(self.rank, list(self.model.parameters()))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._recent_losses.append(loss.item())
        self.progress.step += 1
        now = time.monotonic()
        self.progress.wall_time_s += now - self._clock
        self._clock = now

    def report(self, validation: "np.ndarray") -> None:
        """Log, validate and save when it is time to."""
        config, step = self.config, self.progress.step
        last = step == config.steps
        if step % config.steps_between_log_points and not last:
            return
        point = self._point()
        if step % config.steps_between_validations == 0 or last:
            point["validation_loss"] = round(self._validation_loss(validation), 4)
        self.progress.loss_curve.append(point)
        self._print(point)
        if time.monotonic() - self._saved_at > config.seconds_between_checkpoints or last:
            self._save()

    def _point(self) -> dict[str, float]:
        mean = sum(self._recent_losses) / len(self._recent_losses)
        self._recent_losses.clear()
        step = self.progress.step
        return {
            "step": step,
            "tokens": step * self.config.tokens_per_step,
            "train_loss": round(mean, 4),
        }

    def _print(self, point: dict[str, Any]) -> None:
        done = self.progress.step - self._first_step
        seconds_per_step = (time.monotonic() - self._started_at) / done
        rate = self.config.tokens_per_step / seconds_per_step
        left_min = (self.config.steps - self.progress.step) * seconds_per_step / 60
        print(
            f"step {self.progress.step}/{self.config.steps}  loss {point['train_loss']:.4f}  "
            f"validation {point.get('validation_loss', '-')}  {rate:,.0f} tokens/s  "
            f"{left_min:.1f} min left",
            file=sys.stderr,
            flush=True,
        )

    def _save(self) -> None:
        import torch

        part = self.checkpoint.with_suffix(".part")  # renamed when whole: a kill leaves the old one
        torch.save(
            {
                "model": self.model.state_dict(),
                "progress": asdict(self.progress),
                "optimizers": [o.state_dict() for o in self.optimizers],
            },
            part,
        )
        part.replace(self.checkpoint)
        self._saved_at = time.monotonic()

    def _loss(self, rows: "torch.Tensor") -> "torch.Tensor":
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(input_ids=rows, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits[:, :-1].float().reshape(-1, VOCABULARY), rows[:, 1:].reshape(-1)
        )

    def _validation_loss(self, validation: "np.ndarray") -> float:
        import torch

        with torch.no_grad():
            losses = [self._loss(self._rows(tokens)).item() for tokens in validation]
        return float(sum(losses) / len(losses))

    def _rows(self, tokens: "np.ndarray") -> "torch.Tensor":
        import torch

        length = self.config.row_tokens(self.progress.step)
        return torch.from_numpy(tokens.astype("int64")).reshape(-1, length)
