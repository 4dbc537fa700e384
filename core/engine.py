"""The engine contract: software that loads one checkpoint and answers for it.

Entering an engine loads the checkpoint, leaving it frees the device. The code that uses it does
not know which engine it is. An engine file (`engines/vllm.py`) exports one `ENGINE`, the class.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from core.errors import UserError
from core.options import MaxModelLen, Seed, TensorParallelSize, TrustRemoteCode, option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.records import Record

TokenIds = list[int]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to serve a checkpoint. The same for every checkpoint of a comparison.

    `max_model_len` in tokens (None: the model's own); `kv_cache_memory_bytes` fixes the KV cache
    (None: what `gpu_memory_utilization` leaves on a GPU; on a CPU 1 GiB, or one full request).
    """

    dtype: Annotated[str, option("activations: auto, bfloat16, float16 or float32")] = "auto"
    device: Annotated[str, option("what computes: auto, cpu, cuda or mps")] = "auto"
    max_model_len: MaxModelLen = None
    tensor_parallel_size: TensorParallelSize = 1
    enforce_eager: Annotated[
        bool, option("no torch.compile, no CUDA graphs: loads faster, answers slower")
    ] = False
    gpu_memory_utilization: Annotated[
        float, option("share of a GPU the engine takes", min=0.05, max=1)
    ] = 0.9
    kv_cache_memory_bytes: Annotated[int | None, option("a fixed size for the KV cache", min=1)] = (
        None
    )
    max_num_seqs: int = 256
    trust_remote_code: TrustRemoteCode = False
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What to generate: exactly `max_new_tokens` tokens when `ignore_eos` (for measuring).

    Otherwise up to the end of sequence or the first of the `stop` texts, which the engine may leave
    at the end. Random draws follow the engine's own seed: one per request would slow every step.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    ignore_eos: bool = True
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One answered request; times are seconds on the monotonic clock."""

    prompt_tokens: int
    token_ids: TokenIds
    sent_s: float
    first_token_s: float
    last_token_s: float
    used_up: bool = False  # it ended at `max_new_tokens`, not at a stop text or the end of sequence


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a model says of each token of a sequence but the first, given those before it.

    Natural logarithms, from the raw logits in float32. `greedy` tells where the token is the most
    likely one. `top_ids` and `top_logprobs` hold the k most likely tokens of each place, most
    likely first, `at_logprobs` those of the tokens asked for; they are None unless asked for.
    """

    logprobs: "NDArray[Any]"  # float32 [n - 1]
    greedy: "NDArray[Any]"  # bool [n - 1]
    top_ids: "NDArray[Any] | None" = None  # int32 [n - 1, k]
    top_logprobs: "NDArray[Any] | None" = None  # float32 [n - 1, k]
    at_logprobs: "NDArray[Any] | None" = None  # float32 [n - 1, columns of `at`]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is really being served, read from the running engine rather than from its arguments.

    `kernels` maps a kind of layer (`qkv_proj`, `lm_head`) to the kernels found in its layers.
    Sizes are bytes; `kv_cache_tokens` is how many tokens fit, `max_concurrency` how many requests
    of `max_model_len`. `names_kernels` tells readers of a record that `kernels` are real names.
    `emulated` says how the scheme's format is emulated where it is: answers and scores are the
    format's then, while speed and memory say nothing of it.
    """

    engine: str
    version: str
    quantization: str | None
    dtype: str
    kernels: dict[str, list[str]]
    attention: str | None
    kv_cache_dtype: str
    weights_bytes: int
    kv_cache_bytes: int
    kv_cache_tokens: int
    max_model_len: int
    max_concurrency: float
    arguments: dict[str, Any]
    process: dict[str, Any] = field(default_factory=dict)
    names_kernels: bool = True
    emulated: str | None = None


class WrongCheckpoint(Exception):
    """The engine serves something else than the checkpoint declares."""


class Engine(ABC):
    """A loaded checkpoint. Use as a context manager.

    What is true of an engine whatever it loads, and what only it can read out of a record, is asked
    of the class: nothing else knows its kernels' names or its command line.
    """

    name: ClassVar[str]
    dtypes: ClassVar[tuple[str, ...]] = ("auto", "bfloat16", "float16", "float32", "half", "float")
    modules: ClassVar[tuple[str, ...]] = ()  # imported once, before the clean child is forked
    simulated: ClassVar[bool] = False  # its numbers come from no real work
    needs_kernels: ClassVar[bool] = True  # whether a scheme's `Serving` says what it can serve
    emulated_methods: ClassVar[tuple[str, ...]] = ()  # as checkpoints declare them
    unknown_methods: ClassVar[tuple[str, ...]] = ()  # which another engine knows

    def __init__(self, checkpoint: Path, options: Options) -> None:
        self.checkpoint = checkpoint
        self.options = options
        self.load_phases: dict[str, float] = {}  # seconds of weights, compile, graph capture
        self.compile_cache: float | None = None  # 1: what was compiled came from a cache, 0: not

    @classmethod
    def environment(cls) -> dict[str, str]:
        """Environment variables the engine's process must start with."""
        return {}

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """What it can compute on here, of `cpu`, `cuda` and `mps`; `auto` is the first.

        None: it takes what it finds.
        """
        return ()

    @classmethod
    def device(cls, options: Options) -> str:
        """The one of `devices` that these options mean, `auto` where there are none."""
        return options.device if options.device != "auto" else next(iter(cls.devices()), "auto")

    @classmethod
    def check_options(cls, options: Options) -> None:
        """Raise `UserError` for options that loading would refuse only after minutes."""
        if options.dtype not in cls.dtypes:
            known = ", ".join(cls.dtypes)
            raise UserError(f"there is no dtype {options.dtype!r}; there are: {known}")
        here = ("auto", *cls.devices())
        if options.device not in here:
            several = "; CUDA_VISIBLE_DEVICES chooses one of several GPUs"
            raise UserError(
                f"--device {options.device}: --engine {cls.name} takes {', '.join(here)} here"
                + (several if ":" in options.device else "")
            )

    @classmethod
    def serve_command(cls, record: "Record", folder: str, budget: int | None = None) -> str | None:
        """The shell command that serves a record's checkpoint, which is in `folder`.

        `budget` is the memory in bytes that it may take. None: the engine is no server.
        """
        return None

    @classmethod
    def lacking(cls, method: str | None) -> str | None:
        """The package that is not installed and without which it loads no checkpoint that declares
        this method; None: it lacks none.
        """
        return None

    @classmethod
    def method(cls, quantization: str | None) -> str | None:
        """The quantization it serves, as checkpoints declare it: engines may have other names."""
        return quantization

    @classmethod
    def compressed_kernels(cls, served: dict[str, Any]) -> list[str]:
        """Short names of the kernels that compute compressed layers, of a record's `served`."""
        return []

    @classmethod
    def uncompressed_kernel(cls, served: dict[str, Any]) -> str | None:
        """The kernel of a checkpoint in which no layer runs a compressed one, else None."""
        return None

    @classmethod
    def explain(cls, kernel: str) -> str | None:
        """What a kernel does instead of computing in the scheme's own format, None if it does."""
        return None

    def check_served(self, served: Description, allow_fallback: bool) -> None:
        """Raise `WrongCheckpoint` where its kernels contradict what the files declare.

        Kernels that compute in another format than declared are an error unless `allow_fallback`.
        That the quantization is the declared one is checked for every engine.
        """
        return None

    @abstractmethod
    def __enter__(self) -> Self:
        """Load the checkpoint."""

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Free the device."""

    @abstractmethod
    def generate(self, prompts: list[TokenIds], sampling: Sampling) -> list[Completion]:
        """Answer all prompts, sent at once; one completion each, in order."""

    @abstractmethod
    def score(self, sequences: list[TokenIds]) -> list[Scores]:
        """Log-probabilities of all sequences (two tokens or more each), sent at once."""

    @abstractmethod
    def score_distribution(
        self, sequence: TokenIds, top_k: int, at: "NDArray[Any] | None" = None
    ) -> Scores:
        """One sequence, with the `top_k` likeliest tokens of each place and those named in `at`.

        `at` holds token ids, int [n - 1, any]. Sequences are answered one by one, so that the same
        tokens are computed the same way for every checkpoint.
        """

    @abstractmethod
    def encode(self, text: str, special: bool = True) -> TokenIds:
        """Token ids of a text, with special tokens as the tokenizer adds them or without."""

    @abstractmethod
    def render_chat(self, messages: list[dict[str, str]], answer: bool = True) -> str | None:
        """A chat as the model's template writes it, up to where its answer begins (`answer`).

        The template writes its own special tokens. None for a model without a template.
        """

    def encode_chat(self, prompt: str) -> TokenIds:
        """Token ids of one user message, as a chat where the model has a template."""
        text = self.render_chat([{"role": "user", "content": prompt}])
        return self.encode(prompt) if text is None else self.encode(text, special=False)

    @abstractmethod
    def decode(self, token_ids: TokenIds) -> str:
        """The text of token ids, special tokens left out."""

    @property
    @abstractmethod
    def start_ids(self) -> tuple[int | None, int]:
        """The tokens that begin a sequence (None where the model has none) and end one."""

    @property
    @abstractmethod
    def vocabulary(self) -> range:
        """Token ids that prompts may be made of (no special tokens)."""

    @abstractmethod
    def describe(self) -> Description:
        """What is really being served."""
