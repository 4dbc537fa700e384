"""Mutated checkpoints: every one ends in findings or one sentence, soon, in little memory.

`make fuzz` runs ten thousand; here a few hundred keep the fast tests fast. While a checkpoint is
read, an audit hook sees every file that is opened, every process and every unpickling.
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints import bases, checkpoint, models, truth
from compressing import missing
from compressing.settings import Settings
from core import cli, records
from core.errors import UserError
from inspection import results, target
from inspection.overview import overview
from reporting.console import analysis
from running.run import subject_of
from tests import models as tiny
from tests import mutations
from tests.checkpoints import test_methods
from tests.watching import watching

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
MAX_GROWTH_KIB = 500 * 1024
MANIFEST = {
    "model": "base",
    "scheme": "FP8-W8A8",
    "settings": {"seed": 0, "ignore": []},
    "calibration": None,
    "phases": {"load_s": 1.0},
    "peak_memory_bytes": {"main": 1 << 30},
}
OTHERS = {
    "generation_config.json": {"temperature": 0.6, "do_sample": True},
    "tokenizer_config.json": {"tokenizer_class": "X", "chat_template": "{{ messages }}"},
    "download.json": {"repo_id": "org/name", "commit": "0" * 40},
    "random_weights.json": {"note": "drawn", "layers": 1},
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Good checkpoints of several kinds to mutate; meanwhile a first import leaves no bytecode."""
    top = tmp_path_factory.mktemp("good")
    shapes, values = tiny.int4_shapes()
    base = tiny.write_model(top / "base")
    folders = [
        base,
        tiny.write_compressed(top / "fp8", base),
        tiny.write_model(top / "int4", shapes, values, quantization_config=tiny.INT4_DECLARED),
        *(
            test_methods.write(top / method.replace(" ", "_"), method)
            for method in ("gptq", "awq", "bitsandbytes", "modelopt")
        ),
    ]
    of_base = {"fingerprint": checkpoint.read(base).fingerprint, "path": "base"}
    for folder in folders:
        names = list(mutations.header(folder / "model.safetensors")[0])
        index = {"weight_map": dict.fromkeys(names, "model.safetensors")}
        written = {"model.safetensors.index.json": index, **OTHERS}
        if folder.name in ("fp8", "int4"):
            written["compression.json"] = MANIFEST | {"base": of_base}
        for name, document in written.items():
            (folder / name).write_text(json.dumps(document))
        (folder / mutations.TEMPLATE).write_text("{{ messages }}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        yield folders


def look(folder: Path) -> None:
    """As `analyze.py` does."""
    result = results.inspect(str(folder), results.Settings(), lambda *_: None)
    with cli.out.capture() as output:
        analysis.show(result, everything=False)
    assert output.get().replace("\n", "").isprintable()
    assert json.loads(json.dumps(result.as_json()))["name"]


def count(folder: Path) -> None:
    layers = truth.layers(checkpoint.read(folder))
    assert overview(layers, base_bytes=1000)[0].as_json()["base_bytes"] == 1000
    assert all(map(str.isprintable, target.split_problems(layers, parts=2)))


def identify(folder: Path) -> None:
    """As every command that measures does; what a record holds of it can be saved and read."""
    subject = subject_of(models.identify(str(folder)))
    again = records.Subject.model_validate_json(subject.model_dump_json())
    assert records.folder(again, folder.parent).parent == folder.parent


def pair(folder: Path) -> None:
    assert bases.pair(str(folder), None).checkpoint.path == folder


def pair_with(folder: Path) -> None:
    assert bases.pair(str(folder), str(folder.with_name("base"))).base.scheme == "BASE"


def templated(folder: Path) -> None:
    assert models.has_chat_template(folder) in (True, False)


def reused(folder: Path) -> None:
    """As `pipeline.py` does with a checkpoint that is there."""
    place = models.Place(model_id=str(folder.with_name("base")), scheme="FP8-W8A8", path=folder)
    missing.made_otherwise(place, Settings())


READERS = [look, count, identify, pair, pair_with, templated, reused]


def _read(reader: Callable[[Path], None], folder: Path) -> None:
    try:
        reader(folder)
    except UserError as problem:
        said = cli.one_line(str(problem))
        assert said.isprintable() and 0 < len(said) < 3000


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
    shutil.copytree(good[0], top / "base")
    folder = top / "m"
    shutil.copytree(draw.draw(st.sampled_from(good)), folder)
    draw.draw(st.sampled_from(mutations.MUTATIONS))(folder, draw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    there = sorted(top.rglob("*"))
    with watching(top):
        for reader in READERS:
            _read(reader, folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB
    assert sorted(top.rglob("*")) == there
