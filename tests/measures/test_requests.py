"""The load as the command line takes it."""

import pytest

from core.errors import UserError
from measures._requests import LoadOptions


def test_batch_sizes() -> None:
    assert LoadOptions(batch_sizes="32,1, 8,8").sizes() == [1, 8, 32]
    with pytest.raises(UserError, match="--batch_sizes wants numbers"):
        LoadOptions(batch_sizes="").sizes()
