"""Known studies of quantized models as presets of the pipeline: one file is one study."""
