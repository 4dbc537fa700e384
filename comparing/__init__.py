"""What may be compared: contexts, rounds, and what else the machine did."""
