"""llmcompressor for real: every scheme of the registry, on the demo model."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints import checkpoint, models
from compressing import preflight, verify
from core import plugins
from core.machine import probe
from tests.conftest import ROOT, wait_until
from tests.models import kept_from_others
from tests.real.conftest import CALIBRATION, RealRun

pytestmark = pytest.mark.real
SCHEMES = [plugins.shown("schemes", n) for n in plugins.names("schemes") if n != "base"]
BASE = checkpoint.read(models.DEMO_PATH)


def plan(name: str) -> preflight.Plan:
    return preflight.plan(name, plugins.load("schemes", name), BASE, [], probe(), 1000)


@pytest.mark.parametrize("name", SCHEMES)
def test_checkpoint_is_what_the_scheme_says(real_run: RealRun, name: str) -> None:
    made = real_run.folder / f"demo-{name}"
    assert made.is_dir(), real_run.output[-3000:]
    planned = plan(name)
    scheme = plugins.load("schemes", name)
    assert verify.verify(made, scheme, planned.layers) == []
    stored = checkpoint.read(made)
    assert stored.nbytes == pytest.approx(planned.predicted_bytes, rel=0.01)
    assert (made / "tokenizer.json").is_file()
    assert kept_from_others(made) == []
    if scheme.kv_cache_bits:
        assert "model.layers.0.self_attn.k_scale" in stored.by_name


@pytest.mark.parametrize("name", SCHEMES)
def test_manifest_says_how(real_run: RealRun, name: str) -> None:
    manifest = json.loads((real_run.folder / f"demo-{name}" / "compression.json").read_text())
    assert manifest["scheme"] == name and manifest["model"] == "demo"
    assert manifest["base"]["fingerprint"] == BASE.fingerprint
    assert manifest["peak_memory_bytes"]["main"] > 0
    assert set(manifest["phases"]) >= {"import_s", "save_s"} and manifest["recipe"]
    needs_text = plugins.load("schemes", name).calibration
    assert (manifest["calibration"] is not None) == needs_text
    if needs_text:
        assert manifest["calibration"]["samples"] == 16


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_same_command_gives_the_same_bytes(real_run: RealRun, tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "INT4-W4A16"]
    done = subprocess.run(
        [*line, "--model_id", "demo", *CALIBRATION], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    again = digest(tmp_path / "demo-INT4-W4A16")
    assert again == digest(real_run.folder / "demo-INT4-W4A16")


@pytest.mark.parametrize(("tied", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_tied_and_wide_models(tmp_path: Path, tied: bool, dtype: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(models.DEMO_PATH, dtype=getattr(torch, dtype))
    if tied:
        model.config.tie_word_embeddings = True
        model.tie_weights()
    model.save_pretrained(tmp_path / "variant", max_shard_size="8MB")
    AutoTokenizer.from_pretrained(models.DEMO_PATH).save_pretrained(tmp_path / "variant")
    base = checkpoint.read(tmp_path / "variant")
    assert ("lm_head.weight" in base.by_name) is not tied
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "INT4-W4A16-RTN"]
    done = subprocess.run(
        [*line, "--model_id", "variant"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert checkpoint.read(tmp_path / "variant-INT4-W4A16-RTN").format == "pack-quantized"


def kept(folder: Path) -> list[str]:
    """What is in a folder but for logs."""
    return sorted(path.name for path in folder.iterdir() if path.name != "build")


def test_ctrl_c_keeps_nothing(tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "INT4-W4A16"]
    with subprocess.Popen(
        [*line, "--model_id", "demo"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        wait_until(lambda: bool(list(tmp_path.glob("*.partial"))), running)
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(60) == 130
        finally:
            running.kill()
    assert kept(tmp_path) == []


def test_a_full_disk_keeps_nothing(tmp_path: Path) -> None:
    """A file size limit stops the writer as a full disk does: in the middle of the weights."""
    code = (
        "import resource, sys, errno, signal, runpy\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        f"sys.argv = ['compress.py', '--compression_type', 'FP8-W8A8', '--model_id', 'demo']\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({str(ROOT / 'compress.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "nothing was kept" in done.stderr
    assert kept(tmp_path) == []


def test_a_generation_config_that_transformers_refuses_to_write_loses_nothing(
    tmp_path: Path,
) -> None:
    shutil.copytree(models.DEMO_PATH, tmp_path / "odd")
    refused = '{"temperature": 0.9, "top_p": 0.6}'
    (tmp_path / "odd" / "generation_config.json").write_text(refused)
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "FP8-W8A8"]
    done = subprocess.run(
        [*line, "--model_id", "odd"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    made = tmp_path / "odd-FP8-W8A8"
    for name in ("generation_config.json", "tokenizer.json", "chat_template.jinja"):
        assert (made / name).read_bytes() == (tmp_path / "odd" / name).read_bytes()


def test_sampling_defaults_in_a_config_are_kept(tmp_path: Path) -> None:
    """Older models have no generation_config.json; transformers 5 takes them out of the config."""
    shutil.copytree(models.DEMO_PATH, tmp_path / "old")
    (tmp_path / "old" / "generation_config.json").unlink()
    config = tmp_path / "old" / "config.json"
    odd = json.loads(config.read_text()) | {"do_sample": True, "temperature": 0.7, "top_k": 10}
    config.write_text(json.dumps(odd))
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "FP8-W8A8"]
    done = subprocess.run(
        [*line, "--model_id", "old"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "old-FP8-W8A8" / "generation_config.json").read_text())
    assert (written["temperature"], written["top_k"]) == (0.7, 10)


def test_files_of_the_base_that_are_broken_lose_no_work(tmp_path: Path) -> None:
    """A recipe is llmcompressor's, and not wanted; without its tokenizer a model is refused."""
    shutil.copytree(models.DEMO_PATH, tmp_path / "odd")
    (tmp_path / "odd" / "recipe.yaml").write_text("a: [not closed")
    (tmp_path / "odd" / "theirs.py").write_text("raise SystemExit")
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "FP8-W8A8"]
    done = subprocess.run(
        [*line, "--model_id", "odd"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "odd-FP8-W8A8" / "recipe.yaml").is_file()
    assert not (tmp_path / "odd-FP8-W8A8" / "theirs.py").exists()
    (tmp_path / "odd" / "tokenizer.json").write_text("{")
    done = subprocess.run(
        [*line, "--model_id", "odd", "--force"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "tokenizer of odd cannot" in done.stderr, done.stderr
    assert kept(tmp_path) == ["odd", "odd-FP8-W8A8"]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("their_own", "knows no model of type 'their_own'"), ("clip", "no language model of type")],
)
def test_what_transformers_cannot_load_is_told_in_a_sentence(
    tmp_path: Path, kind: str, sentence: str
) -> None:
    shutil.copytree(models.DEMO_PATH, tmp_path / "odd")
    config = json.loads((tmp_path / "odd" / "config.json").read_text())
    (tmp_path / "odd" / "config.json").write_text(json.dumps({**config, "model_type": kind}))
    line = [sys.executable, str(ROOT / "compress.py"), "--compression_type", "FP8-W8A8"]
    done = subprocess.run(
        [*line, "--model_id", "odd"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    assert kept(tmp_path) == ["odd"]
