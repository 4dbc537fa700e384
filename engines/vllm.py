"""vLLM, in this process, on NVIDIA GPUs or a CPU.

vLLM normally starts two more processes, each paying the imports again. Here the engine core runs in
the process that asked for it (`VLLM_ENABLE_V1_MULTIPROCESSING=0`), which is itself a clean child
forked from a server that has imported vLLM already: see `running/child.py`.
"""

import os
import time
from pathlib import Path
from typing import Any, Self

from checkpoints import checkpoint
from core.engine import (
    Completion,
    Description,
    Options,
    Sampling,
    Scores,
    TokenIds,
)
from core.machine import devices, probe
from engines import _vllm_facts
from engines._tokenizer import TokenizerEngine
from engines._vllm_environment import cpu_kv_cache_bytes, register_model


class VllmEngine(TokenizerEngine):
    """A checkpoint served by vLLM, prefix caching off."""

    name = "vllm"
    # not among the `QuantizationMethods` of vLLM 0.26.0 and 0.32.0
    unknown_methods = ("aqlm", "eetq", "higgs", "hqq", "quanto", "spqr", "vptq")
    modules = (
        "vllm",
        "vllm.entrypoints.llm",
        "vllm.v1.engine.llm_engine",
        "vllm.v1.engine.core",
        "vllm.v1.core.sched.scheduler",
        "vllm.v1.executor.uniproc_executor",
        "vllm.model_executor.model_loader",
        "vllm.model_executor.models.llama",
        "vllm.model_executor.layers.quantization.compressed_tensors.compressed_tensors",
    )

    devices = staticmethod(devices)
    method = staticmethod(_vllm_facts.method)
    serve_command = staticmethod(_vllm_facts.serve_command)
    compressed_kernels = staticmethod(_vllm_facts.compressed_kernels)
    uncompressed_kernel = staticmethod(_vllm_facts.uncompressed_kernel)
    explain = staticmethod(_vllm_facts.explain)

    @classmethod
    def check_options(cls, options: Options) -> None:
        """Whether this GPU has the dtype, and as many GPUs as are asked for."""
        super().check_options(options)
        _vllm_facts.check_machine(options, probe())

    def check_served(self, served: Description, allow_fallback: bool) -> None:
        """By the classes of its kernels."""
        _vllm_facts.check_served(checkpoint.read(self.checkpoint), served, allow_fallback)

    @classmethod
    def environment(cls) -> dict[str, str]:
        """In-process engine, and what suits the machine."""
        from engines._vllm_environment import environment

        return environment(_gpu())

    def __enter__(self) -> Self:
        from vllm import LLM

        from engines._vllm_layers import weights_as_loaded
        from engines._vllm_log import listening

        register_model(self.checkpoint)
        with listening() as phases, weights_as_loaded() as self.loaded_bytes:
            self.llm = LLM(**self._arguments())
        self.load_phases, self.compile_cache = phases.seconds, phases.from_cache
        return self

    def close(self) -> None:
        """Shut the engine core down and drop the model."""
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm

    def _arguments(self) -> dict[str, Any]:
        options = self.options
        arguments: dict[str, Any] = {
            "model": str(self.checkpoint),
            "dtype": options.dtype,
            "max_model_len": options.max_model_len,
            "tensor_parallel_size": options.tensor_parallel_size,
            "enforce_eager": options.enforce_eager,
            "max_num_seqs": options.max_num_seqs,
            "trust_remote_code": options.trust_remote_code,
            "seed": options.seed,
            "enable_prefix_caching": False,
            "disable_log_stats": False,  # per-request times come from there
        }
        if options.tensor_parallel_size == 1:
            arguments["distributed_executor_backend"] = "uni"
        kv_bytes = options.kv_cache_memory_bytes or (
            None if _gpu() else cpu_kv_cache_bytes(checkpoint.read(self.checkpoint), options)
        )
        if kv_bytes is not None:
            arguments["kv_cache_memory_bytes"] = kv_bytes
        else:
            arguments["gpu_memory_utilization"] = options.gpu_memory_utilization
        return arguments

    def generate(self, prompts: list[TokenIds], sampling: Sampling) -> list[Completion]:
        """Times are vLLM's own: when a token left the engine core, on the same monotonic clock.

        Tokens are turned into text as they come, as a server does it.
        """
        from vllm import SamplingParams

        parameters = SamplingParams(
            max_tokens=sampling.max_new_tokens,
            ignore_eos=sampling.ignore_eos,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stop=list(sampling.stop),
        )
        sent = time.monotonic()
        inputs = [{"prompt_token_ids": prompt} for prompt in prompts]
        answers = self.llm.generate(inputs, parameters, use_tqdm=False)
        return [_completion(answer, sent) for answer in answers]

    def score(self, sequences: list[TokenIds]) -> list[Scores]:
        """Through vLLM's prompt log-probabilities."""
        from engines._vllm_scores import token_scores

        return token_scores(self.llm, sequences)

    def score_distribution(self, sequence: TokenIds, top_k: int, at: Any = None) -> Scores:
        """From the logits themselves."""
        from engines._vllm_scores import distribution

        return distribution(self.llm, sequence, top_k, at)

    @property
    def tokenizer(self) -> Any:
        """The checkpoint's own."""
        return self.llm.get_tokenizer()

    def describe(self) -> Description:
        """Read from the running engine: the model's layers, the cache it allocated."""
        import vllm

        from engines._vllm_layers import look

        config = self.llm.llm_engine.vllm_config
        seen = self.llm.apply_model(look)
        tokens = _kv_cache_tokens(config.cache_config, seen)
        length = config.model_config.max_model_len
        loaded = 0 if _gpu() else sum(self.loaded_bytes)  # on a CPU kernels empty the parameters
        return Description(
            engine="vllm",
            version=vllm.__version__,
            quantization=config.model_config.quantization,
            dtype=str(config.model_config.dtype).removeprefix("torch."),
            kernels=seen[0]["kernels"],
            attention=seen[0]["attention"],
            kv_cache_dtype=seen[0]["kv_cache_dtype"],
            weights_bytes=loaded or sum(w["weights_bytes"] for w in seen),
            kv_cache_bytes=sum(w["kv_cache_bytes"] for w in seen),
            kv_cache_tokens=tokens,
            max_model_len=length,
            max_concurrency=tokens / length,
            arguments={**self._arguments(), "model": self.checkpoint.name},
            process={
                "LD_PRELOAD": _file_names(os.environ.get("LD_PRELOAD", "")),
                "KMP_AFFINITY": os.environ.get("KMP_AFFINITY"),
                "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
                "async_scheduling": config.scheduler_config.async_scheduling,
                "largest_graph": config.compilation_config.max_cudagraph_capture_size,
            },
        )


def _completion(answer: Any, sent: float) -> Completion:
    generated = answer.outputs[0]
    return Completion(
        prompt_tokens=len(answer.prompt_token_ids),
        token_ids=list(generated.token_ids),
        sent_s=sent,
        first_token_s=answer.metrics.first_token_ts,
        last_token_s=answer.metrics.last_token_ts,
        used_up=generated.finish_reason == "length",
    )


def _kv_cache_tokens(cache: Any, seen: list[dict[str, Any]]) -> int:
    """Tokens that fit: of every block, or vLLM's own count where layers share the blocks.

    Layers of several kinds (sliding windows next to full attention) take turns in the same blocks,
    so that a token takes more than one of them.
    """
    tokens = int(cache.num_gpu_blocks * cache.block_size)
    needed = tokens * sum(worker["kv_bytes_per_token"] for worker in seen)
    shared = needed > 1.01 * sum(worker["kv_cache_bytes"] for worker in seen)
    return int(cache.kv_cache_size_tokens) if shared else tokens


def _gpu() -> bool:
    return bool(probe().gpus)


def _file_names(paths: str) -> list[str]:
    return [Path(path).name for path in paths.split(":") if path]


ENGINE = VllmEngine
