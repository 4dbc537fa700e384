"""An engine without a model: deterministic answers on a clock of its own.

It ships so that every command, and its tests, run anywhere in milliseconds. A checkpoint folder may
hold `fake.json` with `tokens_per_s`, `error` (noise on its distributions), or what acts out a
failure: `fail` ("crash", "hang", "error", "memory", "kill"), `nan`, `silent` (answers nothing).
"""

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Self

from core.engine import Completion, Description, Engine, Sampling, Scores, TokenIds
from core.machine import devices

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOCABULARY = 256
FIRST_TOKEN_S = 0.004
DEFAULT_TOKENS_PER_S = 1000.0


class FakeEngine(Engine):
    """Answers each prompt with a fixed function of it, taking `tokens_per_s` on a made-up clock."""

    name = "fake"
    needs_kernels = False
    simulated = True

    devices = staticmethod(devices)

    def __enter__(self) -> Self:
        path = self.checkpoint / "fake.json"
        self.settings = json.loads(path.read_text()) if path.is_file() else {}
        self.clock = time.monotonic()
        self._act_out_failure()
        self.load_phases = {"weights_s": 0.01}
        return self

    def _act_out_failure(self) -> None:
        fail = self.settings.get("fail")
        if fail == "crash":
            os._exit(11)
        if fail == "hang":
            time.sleep(3600)
        if fail == "memory":
            raise MemoryError
        if fail == "kill":  # as the kernel does where memory ran out
            os.kill(os.getpid(), signal.SIGKILL)
        if fail == "error":
            raise RuntimeError("the fake engine was told to fail")

    def close(self) -> None:
        """Nothing to free."""

    def generate(self, prompts: list[TokenIds], sampling: Sampling) -> list[Completion]:
        """All prompts advance together: a batch takes as long as one of its requests."""
        sent = self.clock
        step = 1 / float(self.settings.get("tokens_per_s", DEFAULT_TOKENS_PER_S))
        last = sent + FIRST_TOKEN_S + step * (sampling.max_new_tokens - 1)
        self.clock = last
        return [
            Completion(
                prompt_tokens=len(prompt),
                token_ids=self._answer(prompt, sampling),
                sent_s=sent,
                first_token_s=sent + FIRST_TOKEN_S,
                last_token_s=last,
                used_up=True,
            )
            for prompt in prompts
        ]

    def _answer(self, prompt: TokenIds, sampling: Sampling) -> TokenIds:
        """Without text (`silent`) the answer is blanks."""
        count = range(sampling.max_new_tokens)
        if self.settings.get("silent"):
            return [0 for _ in count]
        return [(sum(prompt) + n) % 1000 for n in count]

    def score(self, sequences: list[TokenIds]) -> list[Scores]:
        """A fixed distribution after each token, shifted by `error` (of `fake.json`)."""
        return [self.score_distribution(sequence, 1) for sequence in sequences]

    def score_distribution(
        self, sequence: TokenIds, top_k: int, at: "NDArray[Any] | None" = None
    ) -> Scores:
        """As `score`; with `nan` in `fake.json` nothing is a number."""
        import numpy as np

        table = self._distributions()[np.asarray(sequence[:-1]) % VOCABULARY]
        order = np.argsort(-table, axis=1, kind="stable")[:, : max(top_k, 1)]
        targets = np.asarray(sequence[1:]) % VOCABULARY
        return Scores(
            logprobs=np.take_along_axis(table, targets[:, None], 1)[:, 0],
            greedy=order[:, 0] == targets,
            top_ids=order.astype(np.int32),
            top_logprobs=np.take_along_axis(table, order, 1),
            at_logprobs=None if at is None else np.take_along_axis(table, at % VOCABULARY, 1),
        )

    def _distributions(self) -> "NDArray[Any]":
        """Logarithms of the next byte's probabilities, one row for each byte before it."""
        import numpy as np

        size = (VOCABULARY, VOCABULARY)
        logits = 3 * np.random.default_rng(0).normal(size=size)
        logits += self.settings.get("error", 0.0) * np.random.default_rng(1).normal(size=size)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        if self.settings.get("nan"):
            logits[:] = np.nan
        return logits.astype(np.float32)

    def encode(self, text: str, special: bool = True) -> TokenIds:
        """One token a byte, none of them special."""
        return list(text.encode())

    def render_chat(self, messages: list[dict[str, str]], answer: bool = True) -> str | None:
        """No template."""
        return None

    def decode(self, token_ids: TokenIds) -> str:
        """One character a token."""
        return "".join(chr(32 + n % 95) for n in token_ids)

    @property
    def start_ids(self) -> tuple[int | None, int]:
        """No beginning; a zero byte ends."""
        return None, 0

    @property
    def vocabulary(self) -> range:
        """256 bytes."""
        return range(VOCABULARY)

    def describe(self) -> Description:
        """Sizes from the files, no kernels."""
        config = json.loads((self.checkpoint / "config.json").read_text())
        method = config.get("quantization_config", {}).get("quant_method")
        length = self.options.max_model_len or 2048
        return Description(
            engine="fake",
            version="1",
            quantization=method,
            dtype="none",
            kernels={"linear": ["fake"]},
            attention=None,
            kv_cache_dtype="none",
            weights_bytes=sum(f.stat().st_size for f in self.checkpoint.glob("*.safetensors")),
            kv_cache_bytes=1 << 20,
            kv_cache_tokens=4 * length,
            max_model_len=length,
            max_concurrency=4.0,
            arguments={},
            names_kernels=False,
        )


ENGINE = FakeEngine
