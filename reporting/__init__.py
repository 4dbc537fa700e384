"""Turns records into what people read."""
