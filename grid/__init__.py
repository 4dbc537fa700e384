"""A model and its schemes as one study: checkpoints in turn, gone on with after an end, shared."""
