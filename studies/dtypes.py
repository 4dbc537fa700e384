"""FP32, FP16, NF4, FP4 and INT8 in two compute types: accuracy, memory, latency.

Source: a notebook that scores Qwen2.5 on MMLU, ARC-easy and ARC-challenge with bitsandbytes.
"""

from studies._columns import PER_TOKEN, PERPLEXITY, WEIGHTS
from studies._preset import TASKS, Column, Preset, PresetTable

STUDY = Preset(
    summary="FP32, FP16, NF4, FP4, INT8 x compute type: accuracy, memory, latency, perplexity",
    title="Model Quantization Evaluation",
    options={
        "schemes": "FP32,FP16,BNB-NF4-FP32,BNB-NF4,BNB-FP4-FP32,BNB-FP4,BNB-INT8",
        "engine": "transformers",
        "tasks": "mmlu,arc_easy,arc_challenge",
        "limit": 200,
        "batch_sizes": "none",
    },
    of_demo={"tasks": "demo"},
    names={
        "BNB-NF4-FP32": "NF4 (FP32 asked)",
        "BNB-NF4": "NF4",
        "BNB-FP4-FP32": "FP4 (FP32 asked)",
        "BNB-FP4": "FP4",
        "BNB-INT8": "INT8",
    },
    tables=(
        PresetTable(
            title="Evaluation Results",
            columns=(
                Column(heading="{} Acc (%)", measure="harness", figure=TASKS, per=0.01, digits=1),
                WEIGHTS,
                PER_TOKEN,
                PERPLEXITY,
            ),
        ),
    ),
    pictures=("quality", "memory", "speed"),
)
