"""A server that poses as a hub, asked for files: one sentence, in time, and a bounded disk."""

from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import constants

from hub import connection
from tests.hub import evil_answers as evil
from tests.hub.conftest import Download
from tests.hub.evil_case import check_place, check_refused, check_sentence, measure
from tests.hub.hub_case import MODEL, SMALL, WANTED, contents, safetensors
from tests.hub.hub_stand_in import Answer, Evil, HubStandIn
from tests.hub.published import sha256

NO_HUB = "does not answer as a model hub does"
YEAR = str(365 * 86400)
MIB = 1 << 20
FILE = "model.safetensors"
LONGER = "The hub sends more than 2,000,080 bytes for model.safetensors: nothing of that was kept"


@pytest.fixture
def one_file(hub: HubStandIn, no_waiting: None) -> HubStandIn:
    """A model of one file, so that it is known which fails first."""
    hub.add(MODEL, {FILE: safetensors(500_000)})
    return hub


HEADS: dict[str, tuple[Evil, str]] = {
    "an ETag that is a path": (evil.metadata(ETag='"/../../../../evil"'), "(an ETag is "),
    "a linked ETag that is a path": (evil.metadata(X_Linked_Etag='"../evil"'), "(an ETag is "),
    "a long ETag": (evil.metadata(ETag='"' + "x" * 5000 + '"'), "(an ETag is "),
    "an ETag of escapes": (evil.metadata(ETag='"\x1b[2J"'), "(an ETag is "),
    "no ETag": (evil.metadata(ETag=""), NO_HUB),
    "a commit that is a path": (evil.metadata(X_Repo_Commit="../../evil"), "(a commit is ../../ev"),
    "no commit": (evil.metadata(X_Repo_Commit=""), NO_HUB),
    "a size of a petabyte": (evil.metadata(X_Linked_Size=str(10**15)), "too large"),
    "a negative size": (evil.metadata(X_Linked_Size="-9"), "did not arrive whole"),
    "redirect to itself": (evil.redirect_to_itself, "(it redirects without an end)"),
    "redirect further and further": (evil.redirect_further, "(it redirects without an end)"),
    "redirect to a file": (evil.redirect("file:///etc/passwd"), NO_HUB),
    "redirect to no address": (evil.redirect("http://[::1"), "keeps breaking off"),
    "a refusal that is a list": (evil.refuse_with(404, b"[]"), "(404)"),
    "a pause of a year": (evil.refuse_with(429, b"", retry_after=YEAR), "pause of more than 5"),
}


@pytest.mark.parametrize("name", HEADS)
def test_metadata_that_no_hub_gives(one_file: HubStandIn, download: Download, name: str) -> None:
    one_file.evil["HEAD"], says = HEADS[name]
    check_refused(download, says)


def metadata_then_file(location: str) -> Evil:
    """The answer to HEAD that sends the GET elsewhere."""
    headers = {"X-Repo-Commit": "0" * 40, "X-Linked-Etag": f'"{"0" * 64}"', "Location": location}
    return lambda to: to.send(b"", 302, headers)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("file:///etc/passwd", "(it leads to /etc/passwd, which is not http or https)"),
        ("ftp://127.0.0.1/evil", "(it leads to ftp://127.0.0.1/evil, which is not http or https)"),
        ("http://localhost:1/evil", "Cannot reach"),
        ("gopher://evil", "(it leads to gopher://evil"),
        ("http://" + "x" * 5000, "model.safetensors cannot be fetched: "),
    ],
)
def test_files_that_lie_elsewhere(
    one_file: HubStandIn, download: Download, location: str, says: str
) -> None:
    one_file.evil["HEAD"] = metadata_then_file(location)
    check_refused(download, says)


BODIES: dict[str, tuple[Evil, str]] = {
    "a body without an end": (evil.endless(), LONGER),
    "more announced than listed": (evil.announced(1 << 30), LONGER),
    "compressed": (evil.send(b"x", content_encoding="gzip"), "is compressed (gzip)"),
    "nothing": (evil.send(b""), "did not arrive whole"),
    "no content": (evil.raw(evil.head(204)), "did not arrive whole"),
    "other content with another ETag": (evil.send(b"evil", etag='"other"'), "did not arrive whole"),
    "another range": (evil.send(b"x", content_range="bytes x/abc"), "cannot be fetched: invalid"),
    "redirect to itself": (evil.redirect_to_itself, "(it redirects without an end)"),
    "redirect to a file": (evil.redirect("file:///etc/passwd"), "(it leads to file://"),
    "redirect with an endless body": (evil.endless(302, location="/x"), "(it redirects with"),
    "no HTTP": (evil.raw(b"SSH-2.0-OpenSSH\r\n"), "keeps breaking off"),
    "a refusal that is nested": (evil.refuse_with(500, b"[" * 100_000), "of its own (500)"),
    "a refusal without an end": (evil.endless(403), "may not read"),
    "a range that is refused": (evil.refuse_with(416, b"{}"), "(416)"),
    "a pause of a year": (evil.refuse_with(429, b"", retry_after=YEAR), "pause of more than 5"),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_were_not_published(
    one_file: HubStandIn, download: Download, name: str
) -> None:
    one_file.evil["GET"], says = BODIES[name]
    check_refused(download, says)


def test_a_body_without_an_end_fills_no_disk_and_no_memory(one_file: HubStandIn) -> None:
    """No file may grow beyond what is listed."""
    one_file.evil["GET"] = evil.endless()
    run = measure(largest_file=len(one_file.repos[MODEL].files[FILE]))
    check_sentence(run.done, LONGER)
    check_place()
    assert run.peak_bytes < 400 * MIB and run.seconds < 20


SLOW = {
    "a body": evil.raw(evil.head(content_length="9"), b"x", pause_s=0.1, times=9),
    "headers": evil.raw(b"HTTP/1.1 200 OK\r\n", b"a", pause_s=0.1, times=999),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_byte_at_a_time(
    one_file: HubStandIn, download: Download, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes before the time-out for reads ends."""
    monkeypatch.setattr(connection, "WINDOW_S", 0.5)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    one_file.evil["GET"] = SLOW[name]
    check_refused(download, "too slowly")


def test_a_file_that_begins_again_and_again(
    hub: HubStandIn, download: Download, no_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """huggingface_hub goes on without an end as long as 10 MB come each time."""
    monkeypatch.setattr(connection, "OVERHEAD", MIB)
    large = safetensors(3_000_000)
    hub.add(MODEL, {FILE: large})
    hub.evil["GET"] = evil.raw(evil.head(content_length=str(len(large))), large[:11_000_000])
    check_refused(download, "sent 4 times the 12,000,082 bytes of model.safetensors and was not")


def test_a_file_that_grows_when_it_is_resumed(
    hub: HubStandIn, download: Download, no_waiting: None
) -> None:
    """Each answer goes on where the one before broke off, beyond the end."""
    large = safetensors(3_000_000)
    hub.add(MODEL, {FILE: large})
    requests = count()

    def answer(to: Answer) -> None:
        status = 206 if next(requests) else 200
        evil.raw(evil.head(status, content_length=str(len(large))), large[:11_000_000])(to)

    hub.evil["GET"] = answer
    check_refused(download, "The hub sends more than 12,000,082 bytes for model.safetensors")


def test_another_etag_with_the_content_that_was_listed(hub: HubStandIn, download: Download) -> None:
    """The checksum of the listing decides, whatever ETag an answer has."""
    number = count()
    published = hub.repos[MODEL]

    def answer(to: Answer) -> None:
        name = to.path.rpartition("/")[2].replace("%5B", "[").replace("%5D", "]")
        to.send(published.files[name], 200, {"ETag": f'"{next(number)}"'})

    hub.evil["GET"] = answer
    assert download().returncode == 0
    assert contents(Path("tiny-llama")) == WANTED


def test_another_content_of_the_same_size(hub: HubStandIn, download: Download) -> None:
    changed = WANTED | {SMALL: WANTED[SMALL][:-1] + b"x"}

    def answer(to: Answer) -> None:
        name = to.path.rpartition("/")[2].replace("%5B", "[").replace("%5D", "]")
        to.send(changed[name], 200, {"ETag": f'"{sha256(changed[name])}"'})

    hub.evil["GET"] = answer
    check_refused(download, f"arrives damaged: {SMALL} (not the published checksum)")


def test_xet_is_left_to_huggingface_co(
    hub: HubStandIn, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client is not this one: another server's files come by HTTP."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.headers = {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": "http://127.0.0.1:1/"}
    assert download().returncode == 0
    assert contents(Path("tiny-llama")) == WANTED


def test_a_warning_of_the_hub_is_no_escape_sequence(
    hub: HubStandIn, download: Download, caplog: pytest.LogCaptureFixture
) -> None:
    hub.headers = {"X-HF-Warning": "evil; old \x1b]0;evil\x07 client" + "x" * 5000}
    assert download().returncode == 0
    assert "\x1b" not in caplog.text and len(caplog.text) < 10_000
