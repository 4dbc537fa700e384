"""An engine without a model: deterministic answers on a clock of its own.

It ships so that every command, and its tests, run anywhere in milliseconds. A checkpoint folder may
hold `fake.json` with `tokens_per_s`, or `fail` ("crash", "hang", "error") to act out a failure.
"""

import json
import os
import time
from typing import Self

from core.engine import Completion, Description, Engine, Sampling, TokenIds

FIRST_TOKEN_S = 0.004
DEFAULT_TOKENS_PER_S = 1000.0


class FakeEngine(Engine):
    """Answers each prompt with a fixed function of it, taking `tokens_per_s` on a made-up clock."""

    name = "fake"
    needs_kernels = False

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
                token_ids=[(sum(prompt) + n) % 1000 for n in range(sampling.max_new_tokens)],
                sent_s=sent,
                first_token_s=sent + FIRST_TOKEN_S,
                last_token_s=last,
            )
            for prompt in prompts
        ]

    def encode(self, text: str) -> TokenIds:
        """One token a byte."""
        return list(text.encode())

    def encode_chat(self, prompt: str) -> TokenIds:
        """No template."""
        return self.encode(prompt)

    def decode(self, token_ids: TokenIds) -> str:
        """One character a token."""
        return "".join(chr(32 + n % 95) for n in token_ids)

    @property
    def vocabulary(self) -> range:
        """256 bytes."""
        return range(256)

    def describe(self) -> Description:
        """Sizes from the files, no kernels."""
        config = json.loads((self.checkpoint / "config.json").read_text())
        method = config.get("quantization_config", {}).get("quant_method")
        length = self.options.max_model_len or 2048
        return Description(
            engine="fake", version="1", quantization=method, dtype="none",
            kernels={"linear": ["fake"]}, attention=None, kv_cache_dtype="none",
            weights_bytes=sum(f.stat().st_size for f in self.checkpoint.glob("*.safetensors")),
            kv_cache_bytes=1 << 20, kv_cache_tokens=4 * length, max_model_len=length,
            max_concurrency=4.0, arguments={}, names_kernels=False,
        )  # fmt: skip


ENGINE = FakeEngine
