"""What each compressed-tensors format puts on disk for one linear layer.

Source: the compressors of compressed-tensors 0.19 (`compressors/*`), read and checked against
checkpoints of every scheme in the registry (tests/real/test_compress.py).
"""

# format -> tensor suffix -> the dtypes it may have
WEIGHT_TENSORS: dict[str, dict[str, tuple[str, ...]]] = {
    "pack-quantized": {
        "weight_packed": ("I32",),
        "weight_scale": ("BF16", "F16", "F32"),
        "weight_shape": ("I32", "I64"),
    },
    "int-quantized": {"weight": ("I8",), "weight_scale": ("BF16", "F16", "F32")},
    "float-quantized": {"weight": ("F8_E4M3",), "weight_scale": ("BF16", "F16", "F32")},
    "nvfp4-pack-quantized": {
        "weight_packed": ("U8",),
        "weight_scale": ("F8_E4M3",),
        "weight_global_scale": ("F32",),
    },
    "mxfp4-pack-quantized": {"weight_packed": ("U8",), "weight_scale": ("U8", "F8_E8M0")},
    "mxfp8-quantized": {"weight": ("F8_E4M3",), "weight_scale": ("U8", "F8_E8M0")},
}
SCALES = ("weight_scale", "weight_global_scale", "input_scale", "input_global_scale",
          "k_scale", "v_scale")  # fmt: skip
