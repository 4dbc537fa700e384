"""A base model against its quantized version: latency, peak memory, perplexity, and the trade-off.

Source: the course exercise "Benchmarking a quantized LLM against its original counterpart": GPT-2
and bitsandbytes' NF4, sliding windows of 1,024 tokens with stride 512.
"""

from dataclasses import replace

from studies._columns import LATENCY, PEAK, PERPLEXITY
from studies._preset import Preset, PresetTable

STUDY = Preset(
    summary="base against quantized: latency, peak memory, sliding-window perplexity, trade-off",
    title="Quantization Trade-off",
    options={
        "schemes": "BNB-NF4",
        "engine": "transformers",
        "max_new_tokens": 50,
        "num_prompts": 5,
        "batch_sizes": "none",
        "window": 1024,
        "stride": 512,
        "tasks": "none",
    },
    names={"BASE": "Base Model", "BNB-NF4": "Quantized Model (4-bit)"},
    tables=(
        PresetTable(
            title="Results",
            columns=(
                LATENCY,
                replace(LATENCY, heading="Speedup (x)", digits=2, of_base="ratio"),
                replace(PEAK, heading="Peak Memory (MB)", per=1024**2, digits=1),
                replace(PEAK, heading="Memory Reduction (x)", digits=2, of_base="ratio"),
                PERPLEXITY,
                replace(PERPLEXITY, heading="Perplexity Increase (%)", of_base="change"),
            ),
        ),
    ),
    pictures=("tradeoff",),
)
