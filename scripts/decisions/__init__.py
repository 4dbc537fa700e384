"""Simulations of the decisions: how often each is wrong where the truth is known."""
