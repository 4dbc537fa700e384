"""What engines with a Hugging Face tokenizer share: text to tokens and back."""

from abc import abstractmethod
from typing import Any

from core.engine import Engine, TokenIds


class TokenizerEngine(Engine):
    """An engine whose checkpoint's own tokenizer encodes, decodes and renders chats."""

    @property
    @abstractmethod
    def tokenizer(self) -> Any:
        """The tokenizer, as transformers loads it."""

    def encode(self, text: str, special: bool = True) -> TokenIds:
        """With the checkpoint's own tokenizer."""
        return list(self.tokenizer.encode(text, add_special_tokens=special))

    def render_chat(self, messages: list[dict[str, str]], answer: bool = True) -> str | None:
        """With the checkpoint's own chat template."""
        if not self.tokenizer.chat_template:
            return None
        return str(
            self.tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=answer,
                continue_final_message=not answer,
            )
        )

    def decode(self, token_ids: TokenIds) -> str:
        """With the checkpoint's own tokenizer."""
        return str(self.tokenizer.decode(token_ids, skip_special_tokens=True))

    @property
    def start_ids(self) -> tuple[int | None, int]:
        """As the tokenizer names them."""
        return self.tokenizer.bos_token_id, self.tokenizer.eos_token_id

    @property
    def vocabulary(self) -> range:
        """From the first id after the special tokens at the front to the end of the tokenizer."""
        special = set(self.tokenizer.all_special_ids)
        length = len(self.tokenizer)
        first = next(n for n in range(length) if n not in special)
        last = next(n for n in reversed(range(length)) if n not in special)
        return range(first, last + 1)
