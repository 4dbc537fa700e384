"""How reports look: one file is one format."""
