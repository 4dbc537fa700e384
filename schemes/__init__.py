"""Compression schemes: one file is one scheme, the file name is its name."""
