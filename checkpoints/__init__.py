"""What a folder of weights is, and whether it is what it says: headers, declarations, layers."""
