"""transformers, in this process, on an NVIDIA or Apple GPU or a CPU.

It runs what vLLM has no kernel for: bitsandbytes on any machine, and compressed-tensors formats by
emulation. Of those the weights are decompressed once, when they are loaded, and activations are
rounded in every step where the format says so: the numbers are the format's, the speed is not.
"""

import importlib.metadata
import time
from typing import TYPE_CHECKING, Any, Self

from checkpoints import checkpoint, loading
from core.engine import Completion, Description, Options, Sampling, Scores, TokenIds
from core.errors import UserError
from engines import _transformers_bitsandbytes as bitsandbytes
from engines import _transformers_devices as devices
from engines import _transformers_layers as layers
from engines._tokenizer import TokenizerEngine

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

DTYPES = {"half": "float16", "float": "float32"}
LOGITS = 1 << 27  # values of logits that are computed at once


# Packages that load what a method wrote. Source: transformers' quantizers (`validate_environment`).
LIBRARIES = {
    "bitsandbytes": ("bitsandbytes",), "gptq": ("optimum", "gptqmodel"), "awq": ("gptqmodel",),
    "auto-round": ("auto-round",), "hqq": ("hqq",), "quanto": ("optimum-quanto",),
    "torchao": ("torchao",), "aqlm": ("aqlm",), "vptq": ("vptq",), "quark": ("amd-quark",),
    "sinq": ("sinq",), "eetq": ("kernels",),
}  # fmt: skip


class TransformersEngine(TokenizerEngine):
    """A checkpoint in transformers: padded batches, its default attention, nothing compiled."""

    name = "transformers"
    modules = (
        "torch",
        "transformers",
        "transformers.generation",
        "transformers.models.llama.modeling_llama",
        "compressed_tensors",
    )
    needs_kernels = False
    emulated_methods = ("compressed-tensors",)

    compressed_kernels = staticmethod(layers.compressed_kernels)
    uncompressed_kernel = staticmethod(layers.uncompressed_kernel)
    explain = staticmethod(layers.explain)

    @classmethod
    def lacking(cls, method: str | None) -> str | None:
        """The first of the method's packages that is not there."""
        needed = LIBRARIES.get(method or "", ())
        return next((name for name in needed if not _installed(name)), None)

    @classmethod
    def environment(cls) -> dict[str, str]:
        """No bars, no warnings of forks, no look at the hub."""
        return {
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "TQDM_DISABLE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
        }

    devices = staticmethod(devices.devices)

    @classmethod
    def check_options(cls, options: Options) -> None:
        """One device, and a dtype that it has."""
        super().check_options(options)
        devices.check_dtype(cls.device(options), options.dtype)
        if options.tensor_parallel_size > 1:
            raise UserError("--engine transformers runs on one device: --tensor_parallel_size 1")

    def __enter__(self) -> Self:
        import torch
        from transformers import AutoTokenizer, GenerationConfig, set_seed

        started = time.monotonic()
        options, name = self.options, self.device(self.options)
        self._place = torch.device(name)
        set_seed(options.seed)
        dtype = DTYPES.get(options.dtype, options.dtype)
        files = checkpoint.read(self.checkpoint)
        devices.check_dtype(name, files.config.get("dtype", "") if dtype == "auto" else dtype)
        self.model = loading.load(
            self.checkpoint,
            options.trust_remote_code,
            dtype="auto" if dtype == "auto" else getattr(torch, dtype),
            device_map={"": self._place},
            **layers.decompressed(files),
        )
        layers.keep_activations_rounded(self.model)
        self.model.requires_grad_(False).eval()
        bitsandbytes.settle(self.model)
        self._tokenizer = AutoTokenizer.from_pretrained(
            self.checkpoint, trust_remote_code=options.trust_remote_code
        )
        self._end_ids = layers.end_ids(self.model.generation_config, self._tokenizer)
        self.model.generation_config = GenerationConfig()  # no other defaults of the checkpoint's
        self._tokenizer.padding_side = "left"
        self.context = options.max_model_len or files.context_length
        self.load_phases = {"weights_s": time.monotonic() - started}
        return self

    @property
    def tokenizer(self) -> Any:
        """The checkpoint's own."""
        return self._tokenizer

    def close(self) -> None:
        """Drop the model."""
        del self.model
        devices.empty_cache(self._place.type)

    def generate(self, prompts: list[TokenIds], sampling: Sampling) -> list[Completion]:
        """In batches of `max_num_seqs`, the longest prompts first; each waits for the one before.

        A token's time is when the host had it. All of a batch advance together, so that its first
        tokens come together too.
        """
        sent = time.monotonic()
        order = sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))
        answers: dict[int, Completion] = {}
        for start in range(0, len(order), self.options.max_num_seqs):
            batch = order[start : start + self.options.max_num_seqs]
            completions = self._answer([prompts[number] for number in batch], sampling, sent)
            answers |= dict(zip(batch, completions, strict=True))
        return [answers[number] for number in range(len(prompts))]

    def _answer(self, prompts: list[TokenIds], sampling: Sampling, sent: float) -> list[Completion]:
        import torch
        from transformers import GenerationConfig, StoppingCriteriaList

        from engines._transformers_steps import Steps

        steps = Steps(self.tokenizer, self._end_ids, sampling)
        ids, mask = self._padded(prompts, left=True)
        wanted = GenerationConfig(
            max_new_tokens=sampling.max_new_tokens,
            do_sample=sampling.temperature > 0,
            temperature=sampling.temperature or None,
            top_p=sampling.top_p if sampling.temperature > 0 else None,
            top_k=0 if sampling.temperature > 0 else None,
            pad_token_id=self._pad_id,
        )
        with torch.inference_mode():
            written = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=wanted,
                stopping_criteria=StoppingCriteriaList([steps]),
            )
        rows = written[:, ids.shape[1] :].tolist()
        return [
            Completion(
                prompt_tokens=len(prompt),
                token_ids=row[:length],
                sent_s=sent,
                first_token_s=steps.times[0],
                last_token_s=steps.times[length - 1],
                used_up=not ended,
            )
            for prompt, row, (length, ended) in zip(prompts, rows, steps.lengths(), strict=True)
        ]

    def score(self, sequences: list[TokenIds]) -> list[Scores]:
        """Batches of like lengths, padded at the right, as many tokens as `LOGITS` allows."""
        order = sorted(range(len(sequences)), key=lambda number: -len(sequences[number]))
        most = max(LOGITS // self.model.config.get_text_config().vocab_size, 1)
        scores: dict[int, Scores] = {}
        while order:
            count = max(most // len(sequences[order[0]]), 1)
            batch, order = order[:count], order[count:]
            logits = self._logits([sequences[number] for number in batch])
            for row, number in zip(logits, batch, strict=True):
                scores[number] = self._scored(row, sequences[number], 1, None)
        return [scores[number] for number in range(len(sequences))]

    def score_distribution(
        self, sequence: TokenIds, top_k: int, at: "NDArray[Any] | None" = None
    ) -> Scores:
        """From the logits of a batch of one."""
        return self._scored(self._logits([sequence])[0], sequence, top_k, at)

    def _logits(self, sequences: list[TokenIds]) -> "torch.Tensor":
        import torch

        ids, mask = self._padded(sequences, left=False)
        alone = len(sequences) == 1
        with torch.inference_mode():
            answer = self.model(input_ids=ids, attention_mask=None if alone else mask)
        logits: torch.Tensor = answer.logits
        return logits

    def _scored(
        self, logits: "torch.Tensor", sequence: TokenIds, top_k: int, at: "NDArray[Any] | None"
    ) -> Scores:
        import numpy as np
        import torch

        from engines._logits import picked

        own = np.asarray(sequence[1:])[:, None]
        columns = torch.as_tensor(own if at is None else np.concatenate([own, at], axis=1))
        parts = picked(logits[: len(own)], columns, max(top_k, 2))
        ids, top, found = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        most, second = top[:, 0], top[:, 1]
        return Scores(
            logprobs=found[:, 0],
            greedy=(found[:, 0] == most) & (most > second),
            top_ids=ids[:, :top_k],
            top_logprobs=top[:, :top_k],
            at_logprobs=None if at is None else found[:, 1:],
        )

    @property
    def _pad_id(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id)

    def _padded(
        self, sequences: list[TokenIds], left: bool
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Token ids and attention mask, [sequences, longest], on the device."""
        import torch

        width = max(map(len, sequences))
        ids = torch.full((len(sequences), width), self._pad_id)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            place = slice(width - len(sequence), None) if left else slice(len(sequence))
            ids[row, place] = torch.tensor(sequence)
            mask[row, place] = 1
        return ids.to(self._place), mask.to(self._place)

    def describe(self) -> Description:
        """The layers' classes, and what they compute in; room for the cache, which grows."""
        import transformers

        from engines._storage import weights_bytes

        config = self.model.config.get_text_config()
        dtype = str(self.model.dtype).removeprefix("torch.")
        weights = weights_bytes(self.model, bitsandbytes.tensors(self.model))
        token = layers.cache_bytes(config, self.model.dtype)
        tokens = self._cache_tokens(weights, token)
        return Description(
            engine="transformers",
            version=transformers.__version__,
            quantization=layers.method(self.model),
            emulated=layers.emulated(self.model),
            dtype=dtype,
            kernels=layers.kernels(self.model),
            attention=config._attn_implementation,
            kv_cache_dtype=dtype,
            weights_bytes=weights,
            kv_cache_bytes=tokens * token,
            kv_cache_tokens=tokens,
            max_model_len=self.context,
            max_concurrency=tokens / self.context,
            arguments={"model": self.checkpoint.name, "device": self._place.type},
        )

    def _cache_tokens(self, weights: int, token: int) -> int:
        """Tokens that fit beside the weights, at most `max_num_seqs` requests of full length."""
        options, whole = self.options, devices.memory_bytes(self._place.type)
        room = options.kv_cache_memory_bytes or int(
            options.gpu_memory_utilization * whole - weights
        )
        return max(0, min(options.max_num_seqs * self.context, room // token))


def _installed(package: str) -> bool:
    return any(True for _ in importlib.metadata.distributions(name=package))


ENGINE = TransformersEngine
