"""Rooms never import each other; this one looks into checkpoints."""
