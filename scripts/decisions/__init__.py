"""Simulations of what the decision claims: how often it is wrong, and how often it finds out."""
