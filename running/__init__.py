"""Loading a checkpoint in a clean process and measuring it there."""
