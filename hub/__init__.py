"""Downloads from the Hugging Face hub, checked."""
