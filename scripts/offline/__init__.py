"""The parts of scripts/bundle.py: resolve for a target, collect wheels, pack and install them."""
