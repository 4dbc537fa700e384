"""A loaded engine for the measures: the built-in one that needs no model."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.engine import Options
from core.measure import Loaded
from engines.fake import FakeEngine

Load = Callable[..., Loaded]


@pytest.fixture
def load(base: Path, tmp_path: Path) -> Iterator[Load]:
    """Loads the fake engine; keywords go into its `fake.json`."""
    with ExitStack() as stack:

        def loading(**settings: object) -> Loaded:
            (base / "fake.json").write_text(json.dumps(settings))
            engine = stack.enter_context(FakeEngine(base, Options(max_model_len=512)))
            timing = {"load_s": 2.0, "engine_s": 1.5, "import_s": None}
            return Loaded(
                engine=engine,
                description=engine.describe(),
                timing=timing,
                checkpoint_bytes=1000,
                output=tmp_path,
            )

        yield loading
