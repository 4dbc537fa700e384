"""What goes wrong with the hub, the network and the disk, in one sentence."""

import errno
import json
import socket
from typing import Any

import httpx
import pytest
from huggingface_hub import errors as library

from core.errors import UserError
from hub.errors import explain, user_errors
from tests.conftest import Run
from tests.hub.conftest import Download
from tests.hub.hub_case import MODEL, WANTED
from tests.hub.hub_stand_in import HubStandIn


@pytest.mark.parametrize(
    ("model", "options", "repository", "says"),
    [
        (MODEL, [], {"gated": True}, "is gated: accept its licence"),
        (MODEL, [], {"status": 500}, "trouble of its own (500)"),
        (MODEL, [], {"status": 499}, "refused the request for org/Tiny-Llama (499)"),
        (MODEL, [], {"status": 401}, "did not accept the token (401)"),
        (MODEL, [], {"status": 403}, "may not read org/Tiny-Llama (403)"),
        (MODEL, [], {"status": 429}, "asks for a pause (429)"),
        (
            MODEL,
            [],
            {"status": 403, "message": "Access to this resource is disabled."},
            "org/Tiny-Llama was disabled by its authors",
        ),
        (MODEL, [], {"page": b"<html>Please log in"}, "does not answer as a model hub does"),
        (MODEL, ["--revision", "v9"], {}, "no such revision"),
        ("org/absent", [], {}, "is missing or private: check the spelling"),
        ("a/b/c", [], {}, "names look like org/name"),
        ("..", [], {}, "names look like org/name"),
        ("", [], {}, "names look like org/name"),
    ],
)
def test_refusals_are_one_sentence(
    hub: HubStandIn,
    download: Download,
    model: str,
    options: list[str],
    repository: dict[str, Any],
    says: str,
) -> None:
    hub.add(MODEL, WANTED, **repository)
    done = download(*options, model=model)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error:") and says in last
    assert hub.fetched() == set()


def test_a_gated_model_says_how_to_log_in_and_comes_with_the_right_token(
    hub: HubStandIn, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(MODEL, WANTED, gated=True)
    monkeypatch.setenv("HF_TOKEN", "")
    refused = download()
    assert refused.returncode == 2 and "hf auth login" in refused.stderr.splitlines()[-1]
    monkeypatch.setenv("HF_TOKEN", "hf_allowed")
    assert download().returncode == 0


def test_no_network(hub: HubStandIn, process: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = process("download_model.py", MODEL, HF_ENDPOINT=address)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"Cannot reach {address}" in done.stderr and "copy the folder here" in done.stderr
    offline = process("download_model.py", MODEL, HF_HUB_OFFLINE="1")
    assert offline.returncode == 2 and "HF_HUB_OFFLINE is set" in offline.stderr


def test_a_hub_that_does_not_answer_is_not_waited_for(
    hub: HubStandIn, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.2)
    hub.silent = True
    done = download()
    assert done.returncode == 2 and "Cannot reach" in done.stderr


def caused_by(cause: Exception) -> Exception:
    problem: Exception = library.LocalEntryNotFoundError("cannot find the file in the cache")
    problem.__cause__ = cause
    return problem


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (caused_by(httpx.ConnectError("refused")), "Cannot reach http"),
        (caused_by(ValueError("unknown")), "does not answer as a model hub does"),
        (httpx.ConnectTimeout("slow"), "Cannot reach http"),
        (TimeoutError("slow"), "Cannot reach http"),
        (ConnectionError("refused"), "Cannot reach http"),
        (httpx.ReadError("reset"), "keeps breaking off (reset)"),
        (httpx.RemoteProtocolError("incomplete"), "keeps breaking off (incomplete)"),
        (library.FileMetadataError("no commit"), "does not answer as a model hub does"),
        (httpx.InvalidURL("port"), "does not answer as a model hub does"),
        (json.JSONDecodeError("no JSON", "<html>", 0), "does not answer as a model hub does"),
        (OSError(errno.ENOSPC, "full"), "The disk filled up"),
        (OSError(errno.EDQUOT, "full"), "The disk filled up"),
        (
            OSError(errno.EROFS, "read-only", "there"),
            "Cannot write there (read-only): choose another",
        ),
        (PermissionError(errno.EACCES, "no", "there"), "Cannot write there (no): choose another"),
        (OSError(errno.ENAMETOOLONG, "long", "x" * 999), f"Cannot write {'x' * 100}… (long)"),
        (httpx.TooManyRedirects("20"), "(it redirects without an end)"),
        (httpx.DecodingError("gzip"), "does not answer as a model hub does"),
        (OSError("Consistency check failed\nmore"), "(Consistency check failed): run this again"),
        (OSError(), "A file did not arrive whole (no message): run this again"),
        (OSError(errno.EIO, "broken disk"), None),
        (ZeroDivisionError(), None),
    ],
)
def test_exceptions_have_a_sentence_or_none(problem: Exception, says: str | None) -> None:
    sentence = explain(problem, "org/x")
    if says is None or sentence is None:
        assert sentence is says
    else:
        assert says in sentence


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert explain(first, "org/x") is None


@pytest.mark.parametrize("problem", [ZeroDivisionError("bug"), UserError("a sentence")])
def test_what_needs_no_sentence_passes_unchanged(problem: Exception) -> None:
    with pytest.raises(type(problem)) as raised, user_errors("org/x"):
        raise problem
    assert raised.value is problem


def test_what_has_a_sentence_is_raised_with_its_cause() -> None:
    problem = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UserError, match="The disk filled up") as raised, user_errors("org/x"):
        raise problem
    assert raised.value.__cause__ is problem
