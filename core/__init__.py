"""What every command and plug-in shares: contracts, look-up, records, child processes."""
