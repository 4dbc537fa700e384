"""What is measured on a loaded engine: one file is one measure."""
