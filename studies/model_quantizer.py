"""The benchmark of the Model Quantizer package: speed, memory, quality, and a stress run.

Source: its guide "Benchmarking Quantized Models" (github.com/lpalbou/model-quantizer).
"""

from dataclasses import replace

from studies._columns import PEAK, PER_TOKEN, PERPLEXITY, RATE, TOTAL
from studies._preset import PROMPTS_OF_DEMO, Column, Preset, PresetTable

LOADING = replace(PEAK, heading="Loading (GB)", figure="loading_peak_bytes")
INFERENCE = replace(PEAK, heading="Inference (GB)", figure="inference_peak_bytes")
FIRST = Column(heading="First Token (ms)", measure="growing", figure="ttft_s", per=1 / 1000)

STUDY = Preset(
    summary="GPTQ and bitsandbytes at 8 and 4 bits: speed, memory, perplexity, ROUGE, BLEU, stress",
    title="Benchmark Report",
    options={
        "schemes": "INT8-W8A16,INT4-W4A16,BNB-INT8,BNB-NF4",
        "max_new_tokens": 100,
        "batch_sizes": "4",
        "prompts_file": None,
        "growing_prompts": "128,512,1024",
        "tasks": "none",
    },
    of_demo={"prompts_file": PROMPTS_OF_DEMO},
    names={
        "BASE": "Original",
        "INT8-W8A16": "GPTQ 8-bit",
        "INT4-W4A16": "GPTQ 4-bit",
        "BNB-INT8": "BitsAndBytes 8-bit",
        "BNB-NF4": "BitsAndBytes 4-bit",
    },
    tables=(
        PresetTable(title="Speed Benchmark", columns=(RATE, PER_TOKEN, TOTAL)),
        PresetTable(
            title="Batches",
            columns=(replace(RATE, measure="batch"), replace(PER_TOKEN, measure="batch")),
            variants="batch",
            variants_heading="Batch Size",
        ),
        PresetTable(title="Memory Usage", columns=(LOADING, INFERENCE, PEAK)),
        PresetTable(
            title="Quality Metrics",
            columns=(
                PERPLEXITY,
                Column(heading="ROUGE-L", measure="references", figure="rouge_l"),
                Column(heading="BLEU", measure="references", figure="bleu", per=100),
            ),
        ),
        PresetTable(
            title="Stress Test",
            columns=(
                FIRST,
                replace(PER_TOKEN, measure="growing"),
                replace(RATE, measure="growing"),
            ),
            variants="growing",
            variants_heading="Input Tokens",
        ),
    ),
    pictures=("speed", "memory", "quality"),
)
