"""Sources of text for calibration and perplexity: one file is one source."""
