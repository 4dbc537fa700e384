"""Records on disk, ours and lm-eval's, as reports read them."""
