"""A batch that does not fit into the KV cache is no measurement."""

from dataclasses import replace

import pytest

from core.measure import Workload
from measures import batch
from measures._requests import InvalidLoad
from tests.measures.conftest import Load


@pytest.mark.parametrize(("users", "fits"), [(16, True), (17, False)])
def test_all_requests_must_fit_at_once(load: Load, users: int, fits: bool) -> None:
    """The fake engine's KV cache holds four times 512 tokens."""
    workload = Workload(batch_size=users, prompt_tokens=100, max_new_tokens=28, repeats=1)
    if fits:
        assert len(batch.run(load(), workload)["repeats"][0]) == users
        return
    with pytest.raises(
        InvalidLoad, match="17 requests take 2,176 tokens, the KV cache holds 2,048"
    ):
        batch.run(load(), workload)
    own = replace(workload, texts=("short",))  # whose length nobody stated
    assert len(batch.run(load(), own)["repeats"][0]) == users
