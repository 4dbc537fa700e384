"""FP16 against 4-bit variants: perplexity of WikiText-2, latency of 200 tokens, peak memory.

Source: "Quantization Benchmark Playground" (github.com/iamfaham/quantization-benchmark): OPT with
bitsandbytes on a T4.
"""

from dataclasses import replace

from studies._columns import LATENCY, PEAK, PERPLEXITY, RATE
from studies._preset import Preset, PresetTable

STUDY = Preset(
    summary="FP16 against 4-bit variants: WikiText-2, latency of 200 tokens, peak memory",
    title="Quantization Benchmark",
    options={
        "schemes": "FP16,BNB-NF4,BNB-FP4",
        "engine": "transformers",
        "max_new_tokens": 200,
        "num_prompts": 1,
        "batch_sizes": "none",
        "text": "wikitext",
        "tasks": "none",
    },
    of_demo={"text": "demo"},
    names={"BNB-NF4": "INT4 (NF4)", "BNB-FP4": "INT4 (FP4)"},
    tables=(
        PresetTable(
            title="Results Summary",
            columns=(PERPLEXITY, LATENCY, RATE, replace(PEAK, heading="Peak Memory (GB)")),
        ),
    ),
    pictures=("tradeoff",),
)
