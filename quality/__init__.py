"""What checkpoints are asked and how answers are compared: lm-eval tasks, paired statistics."""
