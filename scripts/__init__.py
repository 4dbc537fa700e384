"""Programs for developers and maintainers; nothing imports them."""
