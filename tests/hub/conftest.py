"""Fixtures of the download tests: the hub stand-in, and the command asked of it."""

import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.conftest import Run
from tests.hub.hub_case import MODEL, UNWANTED, WANTED
from tests.hub.hub_stand_in import HubStandIn

Download = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """The stand-in with `MODEL`, used by this process and by those it starts."""
    with HubStandIn() as hub:
        hub.add(MODEL, WANTED | UNWANTED)
        monkeypatch.chdir(tmp_path)
        _use(hub.url, tmp_path, monkeypatch)
        # huggingface_hub logs to the stderr it was imported with, which an earlier test has closed.
        monkeypatch.setattr(logging, "raiseExceptions", False)
        yield hub


def _use(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub reads its settings when it is imported: set both them and what it read."""
    settings = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home / "hf"),
        "HF_TOKEN": "hf_stranger",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "3",
        "HF_HUB_ETAG_TIMEOUT": "3",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    read = {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(home / "hf" / "hub"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DOWNLOAD_TIMEOUT": 3,
        "HF_HUB_ETAG_TIMEOUT": 3,
    }
    for name, setting in read.items():
        monkeypatch.setattr(constants, name, setting)


@pytest.fixture
def download(hub: HubStandIn, command: Run) -> Download:
    """The command in this process, where it is quick: `download("--json")` fetches `MODEL`."""

    def run(*options: object, model: str = MODEL) -> subprocess.CompletedProcess[str]:
        return command("download_model.py", model, *options)

    return run


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub waits a second before each of its attempts."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
