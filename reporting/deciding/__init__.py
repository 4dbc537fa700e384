"""What records say: which may be compared, which scheme to deploy and why, what changed."""
