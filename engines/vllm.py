"""vLLM, in this process, on NVIDIA GPUs or a CPU.

vLLM normally starts two more processes, each paying the imports again. Here the engine core runs in
the process that asked for it (`VLLM_ENABLE_V1_MULTIPROCESSING=0`), which is itself a clean child
forked from a server that has imported vLLM already: see `core/child.py`.
"""

import importlib.util
import os
import sysconfig
import time
from pathlib import Path
from typing import Any, Self

from core.checkpoint import read_json
from core.engine import Completion, Description, Engine, Sampling, Scores, TokenIds

CPU_KV_CACHE_BYTES = 1 << 30
CPU_BLOCK_TOKENS = 128
TCMALLOC = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")


class VllmEngine(Engine):
    """A checkpoint served by vLLM, prefix caching off."""

    name = "vllm"
    modules = (
        "vllm", "vllm.entrypoints.llm", "vllm.v1.engine.llm_engine", "vllm.v1.engine.core",
        "vllm.v1.core.sched.scheduler", "vllm.v1.executor.uniproc_executor",
        "vllm.model_executor.model_loader", "vllm.model_executor.models.llama",
        "vllm.model_executor.layers.quantization.compressed_tensors.compressed_tensors",
    )  # fmt: skip

    @classmethod
    def environment(cls) -> dict[str, str]:
        """In-process engine; on a CPU the allocator and OpenMP that vLLM advises, where present."""
        wanted = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TQDM_DISABLE": "1",
                  "VLLM_NO_USAGE_STATS": "1", "TOKENIZERS_PARALLELISM": "false",
                  "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
                  "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        }  # fmt: skip
        if importlib.util.find_spec("vllm") and not _gpu():
            libraries = [*_tcmalloc(), *_openmp()]
            already = [path for path in [os.environ.get("LD_PRELOAD")] if path]
            wanted["LD_PRELOAD"] = ":".join(already + libraries)
        return {
            **wanted,
            **{k: os.environ[k] for k in wanted if k in os.environ and k != "LD_PRELOAD"},
        }

    def __enter__(self) -> Self:
        from vllm import LLM

        from engines._vllm_layers import weights_as_loaded
        from engines._vllm_log import listening

        _register(self.checkpoint)
        with listening() as phases, weights_as_loaded() as self.loaded_bytes:
            self.llm = LLM(**self._arguments())
        self.load_phases = phases
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
        kv_bytes = options.kv_cache_memory_bytes or (None if _gpu() else self._cpu_kv_cache())
        if kv_bytes is not None:
            arguments["kv_cache_memory_bytes"] = kv_bytes
        else:
            arguments["gpu_memory_utilization"] = options.gpu_memory_utilization
        return arguments

    def _cpu_kv_cache(self) -> int:
        """Left alone vLLM takes nine tenths of the machine; a longest request must fit though."""
        from core.checkpoint import read

        files = read(self.checkpoint)
        heads = files.number("num_attention_heads", 1)
        head_size = files.number("head_dim", files.number("hidden_size", 0) // max(heads, 1))
        kv_heads = files.number("num_key_value_heads", heads)
        length = self.options.max_model_len or files.context_length
        blocks = -(-length // CPU_BLOCK_TOKENS) + 1
        values = 2 * files.number("num_hidden_layers", 0) * kv_heads * head_size
        bytes_each = 4 if self.options.dtype == "float32" else files.dtype_bits // 8
        return max(CPU_KV_CACHE_BYTES, values * bytes_each * blocks * CPU_BLOCK_TOKENS)

    def generate(self, prompts: list[TokenIds], sampling: Sampling) -> list[Completion]:
        """Times are vLLM's own: when a token left the engine core, on the same monotonic clock.

        Tokens are turned into text as they come, as they are for anybody who is served.
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

    def encode(self, text: str, special: bool = True) -> TokenIds:
        """With the checkpoint's own tokenizer."""
        return list(self.llm.get_tokenizer().encode(text, add_special_tokens=special))

    def render_chat(self, messages: list[dict[str, str]], answer: bool = True) -> str | None:
        """With the checkpoint's own chat template."""
        tokenizer = self.llm.get_tokenizer()
        if not tokenizer.chat_template:
            return None
        return str(
            tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=answer,
                continue_final_message=not answer,
            )
        )  # fmt: skip

    def decode(self, token_ids: TokenIds) -> str:
        """With the checkpoint's own tokenizer."""
        return str(self.llm.get_tokenizer().decode(token_ids, skip_special_tokens=True))

    @property
    def start_ids(self) -> tuple[int | None, int]:
        """As the tokenizer names them."""
        tokenizer = self.llm.get_tokenizer()
        return tokenizer.bos_token_id, tokenizer.eos_token_id

    @property
    def vocabulary(self) -> range:
        """From the first id after the special tokens at the front to the end of the tokenizer."""
        tokenizer = self.llm.get_tokenizer()
        special = set(tokenizer.all_special_ids)
        first = next(n for n in range(len(tokenizer)) if n not in special)
        last = next(n for n in reversed(range(len(tokenizer))) if n not in special)
        return range(first, last + 1)

    def describe(self) -> Description:
        """Read from the running engine: the model's layers, the cache it allocated."""
        import vllm

        from engines._vllm_layers import look

        config = self.llm.llm_engine.vllm_config
        seen = self.llm.apply_model(look)
        cache, length = config.cache_config, config.model_config.max_model_len
        # where some layers only keep a window, requests take less than whole blocks of all layers
        tokens = getattr(cache, "kv_cache_size_tokens", None)  # older releases do not say
        tokens = tokens or cache.num_gpu_blocks * cache.block_size
        return Description(
            engine="vllm",
            version=vllm.__version__,
            quantization=config.model_config.quantization,
            dtype=str(config.model_config.dtype).removeprefix("torch."),
            kernels=seen[0]["kernels"],
            attention=seen[0]["attention"],
            kv_cache_dtype=seen[0]["kv_cache_dtype"],
            weights_bytes=sum(self.loaded_bytes) or sum(w["weights_bytes"] for w in seen),
            kv_cache_bytes=sum(w["kv_cache_bytes"] for w in seen),
            kv_cache_tokens=tokens,
            max_model_len=length,
            max_concurrency=tokens / length,
            arguments={**self._arguments(), "model": self.checkpoint.name},
            process={"LD_PRELOAD": _file_names(os.environ.get("LD_PRELOAD", ""))},
        )


def _completion(answer: Any, sent: float) -> Completion:
    generated = answer.outputs[0]
    return Completion(
        prompt_tokens=len(answer.prompt_token_ids),
        token_ids=list(generated.token_ids),
        sent_s=sent,
        first_token_s=answer.metrics.first_token_ts,
        last_token_s=answer.metrics.last_token_ts,
    )


def _register(checkpoint: Path) -> None:
    """Tell vLLM the model's class right here, so that it need not start a process to look at it.

    Without this the first load of an architecture imports everything once more in a subprocess
    (24 s on two CPU cores). An architecture vLLM does not know is left to its own error.
    """
    from vllm.model_executor.models import ModelRegistry

    for name in read_json(checkpoint / "config.json").get("architectures") or []:
        lazy = ModelRegistry.models.get(name)
        if lazy is not None and hasattr(lazy, "load_model_cls"):
            ModelRegistry.register_model(name, lazy.load_model_cls())


def _gpu() -> bool:
    from core.machine import probe

    return bool(probe().gpus)


def _tcmalloc() -> list[str]:
    """Google's allocator where the system has it (Debian: libtcmalloc-minimal4)."""
    folders = [Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu"), Path("/usr/lib64")]
    return [str(f / name) for f in folders for name in TCMALLOC if (f / name).is_file()][:1]


def _openmp() -> list[str]:
    """Intel's OpenMP, which the CPU wheel of vLLM brings along."""
    library = Path(sysconfig.get_path("data")) / "lib" / "libiomp5.so"
    return [str(library)] if library.is_file() else []


def _file_names(paths: str) -> list[str]:
    return [Path(path).name for path in paths.split(":") if path]


ENGINE = VllmEngine
