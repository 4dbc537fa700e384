"""The one exception that means "the user can correct this": its text is the whole message."""


class UserError(Exception):
    """Bad input, found before any work: commands print its text and exit with code 2."""
