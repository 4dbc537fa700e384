"""What the download tests share: a tiny model on the hub stand-in, and ways to run the command.

pytest_plugins = ["tests.hub.hub_case"]  # for the `hub` fixture
"""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import download_model
from core.cli import application
from core.plugins import ROOT
from tests.hub.hub_stand_in import HubStandIn

MODEL = "org/Tiny-Llama"


def safetensors(values: int) -> bytes:
    """A file with one float32 tensor of `values` zeros."""
    header = {"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * values)


SHARDS = {"model-00001-of-00002.safetensors": 500_000, "model-00002-of-00002.safetensors": 400}
WANTED = {
    **{name: safetensors(values) for name, values in SHARDS.items()},
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {str(i): name for i, name in enumerate(SHARDS)}}
    ).encode(),
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "tokenizer.model": b"pieces",
    "LICENSE.txt": b"free",
}
UNWANTED = {
    "pytorch_model.bin": b"pickle",
    "tokenizer.pkl": b"pickle",
    "modeling_llama.py": b"raise SystemExit('remote code ran')",
    "tokenizer_tiny.py": b"raise SystemExit('remote code ran')",
    "original/consolidated.00.pth": b"pickle",
    "original/model.safetensors": safetensors(3),
    "consolidated.safetensors": safetensors(4),
    ".gitattributes": b"",
}
BIG, SMALL = SHARDS


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with HubStandIn() as hub:
        hub.add(MODEL, WANTED | UNWANTED)
        monkeypatch.chdir(tmp_path)
        for name, value in environment(hub.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield hub


def environment(url: str, home: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home / "hf"),
        "HF_TOKEN": "hf_stranger",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "3",
        "HF_HUB_ETAG_TIMEOUT": "3",
        "NO_PROXY": "127.0.0.1",
    }


def run(*arguments: str) -> Result:
    """The command in this process, where it is quick."""
    return CliRunner().invoke(application(download_model.main), arguments, catch_exceptions=False)


def run_apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as people start it: huggingface_hub reads its settings when imported."""
    command = [sys.executable, str(ROOT / "download_model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "download.json"
    }


def record(folder: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((folder / "download.json").read_text())
    return held
