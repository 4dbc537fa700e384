"""Mutated checkpoints: every one ends in findings or one sentence, soon, in little memory.

`make fuzz` runs ten thousand; here a few hundred keep the fast tests fast. While a checkpoint is
read, an audit hook sees every file that is opened, every process and every unpickling.
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints import checkpoint, truth
from core import cli, plugins
from core.errors import UserError
from inspection import results, target
from inspection.overview import overview
from reporting.console import analysis
from tests import models, mutations
from tests.checkpoints import test_methods

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
MAX_GROWTH_KIB = 500 * 1024
FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
             "os.remove", "os.rename", "os.mkdir", "os.rmdir", "socket.connect")  # fmt: skip
LIBRARIES = tuple(os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, plugins.ROOT))


class Watch:
    """What the process did while `folder` is set."""

    folder: str | None = None
    seen: tuple[str, ...] = ()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if Watch.folder is None:
        return
    if event in FORBIDDEN:
        Watch.seen += (event,)
    if event == "open" and isinstance(arguments[0], str):
        path, writes = os.path.realpath(arguments[0]), bool(arguments[2] & os.O_ACCMODE)
        library = path.startswith(LIBRARIES)
        if writes or not (path.startswith(Watch.folder) or library):
            Watch.seen += (f"open {path}",)


sys.addaudithook(_hook)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Good checkpoints of several kinds to mutate; meanwhile a first import leaves no bytecode."""
    top = tmp_path_factory.mktemp("good")
    shapes, values = models.int4_shapes()
    base = models.write_model(top / "base")
    folders = [
        base,
        models.write_compressed(top / "fp8", base),
        models.write_model(top / "int4", shapes, values, quantization_config=models.INT4_DECLARED),
        *(
            test_methods.write(top / method.replace(" ", "_"), method)
            for method in ("gptq", "awq", "bitsandbytes", "modelopt")
        ),
    ]
    for folder in folders:
        names = list(mutations.header(folder / "model.safetensors")[0])
        index = {"weight_map": dict.fromkeys(names, "model.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "generation_config.json").write_text('{"temperature": 0.6}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        yield folders


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=5),
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)
@given(draw=st.data())
def test_mutated_checkpoints(good: list[Path], draw: st.DataObject) -> None:
    top = good[0].parent.parent / "mutated"
    shutil.rmtree(top, ignore_errors=True)
    folder = top / "m"
    shutil.copytree(draw.draw(st.sampled_from(good)), folder)
    draw.draw(st.sampled_from(mutations.MUTATIONS))(folder, draw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Watch.seen, Watch.folder = (), str(top)
    try:
        result = results.inspect(str(folder), results.Settings(), lambda *_: None)
        with cli.out.capture() as output:
            analysis.show(result, everything=False)
        assert output.get().encode() and json.loads(json.dumps(result.as_json()))["name"]
        layers = truth.layers(checkpoint.read(folder))
        assert overview(layers, base_bytes=1000)[0].as_json()["base_bytes"] == 1000
        assert all(map(str.isprintable, target.split_problems(layers, parts=2)))
    except UserError as problem:
        assert str(problem) and "\n" not in str(problem) and len(str(problem)) < 3000
    finally:
        Watch.folder = None
    assert Watch.seen == ()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB
    assert [path.name for path in top.iterdir()] == ["m"]
