"""Software that serves a checkpoint: one file is one engine."""
