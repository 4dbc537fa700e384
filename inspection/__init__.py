"""Looks into checkpoints: what they are made of, how far from their base, where they run."""
