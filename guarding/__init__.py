"""What strangers made, and other processes, kept within bounds."""
