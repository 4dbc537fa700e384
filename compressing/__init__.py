"""Making a checkpoint: the plan, the run, the verification."""
