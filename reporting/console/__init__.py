"""What commands print at their end."""
