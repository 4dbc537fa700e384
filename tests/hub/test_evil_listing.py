"""A server that poses as a hub, asked for a repository's files: one sentence, in time."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub import connection, listing
from tests.hub import evil_answers as evil
from tests.hub.conftest import Download
from tests.hub.evil_case import check_refused, check_sentence, measure
from tests.hub.hub_case import MODEL, WANTED, contents
from tests.hub.hub_stand_in import Evil, HubStandIn

NO_HUB = "does not answer as a model hub does"
YEAR = str(365 * 86400)
DEEP = 100_000


def gzip_bomb() -> bytes:
    return gzip.compress(bytes(1 << 26))


ANSWERS: dict[str, tuple[Evil, str]] = {
    "redirect to itself": (evil.redirect_to_itself, "(it redirects without an end)"),
    "redirect further and further": (evil.redirect_further, "(it redirects without an end)"),
    "redirect to a file": (
        evil.redirect("file:///etc/passwd"),
        "(it leads to file://127.0.0.1/etc/",
    ),
    "redirect to ftp": (evil.redirect("ftp://127.0.0.1/x"), "(it leads to ftp://127.0.0.1/x,"),
    "redirect to no address": (evil.redirect("http://[::1"), "keeps breaking off"),
    "redirect to no port": (evil.redirect("http://127.0.0.1:99999/"), "Cannot reach"),
    "redirect to a closed port": (evil.redirect("http://127.0.0.1:1/x"), "Cannot reach"),
    "redirect without an address": (evil.send(b"", 302), NO_HUB),
    "redirect with an endless body": (evil.endless(302, location="/x"), "(404)"),
    "redirect to a long address": (evil.redirect("/" + "x" * 60_000), "(404)"),
    "not modified": (evil.send(b"", 304), NO_HUB),
    "no content": (evil.raw(evil.head(204)), "(the listing: not valid JSON"),
    "nothing": (evil.send(b""), "(the listing: not valid JSON"),
    "a page": (evil.send(b"<html>log in"), "(the listing: not valid JSON"),
    "no text": (evil.send(b"\xff\xfe\xff"), "(the listing: not valid JSON"),
    "a list": (evil.send(b"[]"), "(the listing: not an object)"),
    "null": (evil.send(b"null"), "(the listing: not an object)"),
    "a number": (evil.send(b"3"), "(the listing: not an object)"),
    "nested lists": (evil.send(b"[" * DEEP), "(the listing: not valid JSON (maximum recursion"),
    "nested objects": (evil.send(b'{"a":' * DEEP), "(the listing: not valid JSON (maximum recurs"),
    "a million objects": (evil.send(b"{}," * 1_000_001), "more objects and values than"),
    "a key twice": (evil.send(b'{"sha": 1, "sha": 2}'), "is given twice"),
    "a long number": (evil.send(b'{"sha": %b}' % (b"9" * 5000)), "a number of 5,000 digits"),
    "a gigabyte announced": (evil.announced(1 << 30), "sends more than 67,108,864 bytes for the"),
    "a body without an end": (evil.endless(), "sends more than 67,108,864 bytes for the listing"),
    "a bomb": (evil.send(gzip_bomb(), content_encoding="gzip"), "is compressed (gzip)"),
    "bad gzip": (evil.send(b"no gzip", content_encoding="gzip"), "is compressed (gzip)"),
    "brotli": (evil.send(b"x", content_encoding="br"), "is compressed (br)"),
    "no HTTP": (evil.raw(b"SSH-2.0-OpenSSH\r\n"), "keeps breaking off"),
    "half a header": (evil.raw(b"HTTP/1.1 200 OK\r\nContent-"), "keeps breaking off"),
    "a long header": (evil.raw(b"HTTP/1.1 200 OK\r\nA: ", b"x" * 200_000), "keeps breaking off"),
    "headers without an end": (
        evil.raw(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", times=10**6),
        "keeps breaking off",
    ),
    "a length of 5,000 digits": (
        evil.raw(evil.head(content_length="9" * 5000)),
        "keeps breaking off",
    ),
    "a negative length": (evil.raw(evil.head(content_length="-1")), "keeps breaking off"),
    "two lengths": (
        evil.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
        "keeps breaking off",
    ),
    "another protocol": (
        evil.raw(evil.head(101, upgrade="x", connection="upgrade")),
        "keeps breaking off",
    ),
    "a status that is none": (evil.raw(evil.head(999)), "trouble of its own (999)"),
    "a cookie": (evil.send(b"[]", set_cookie="\x1b=\x80; Domain=" + "x" * 5000), "not an object"),
    "text in another coding": (
        evil.send(b"\xff\xfe" + '{"sha": "x"}'.encode("utf-16-le"), content_type="a; charset=x"),
        "(the commit is 'x')",
    ),
    "a length that is none": (evil.raw(evil.head(content_length="x")), "keeps breaking off"),
    "a chunk that is none": (
        evil.raw(evil.head(transfer_encoding="chunked"), b"zz\r\n"),
        "keeps breaking off",
    ),
    "shorter than announced": (evil.raw(evil.head(content_length="9"), b"{}"), "keeps breaking"),
    "asked to go on without an end": (
        evil.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, times=10**6),
        "sends headers without an end",
    ),
    "a refusal that is a list": (evil.refuse_with(500, b"[]"), "trouble of its own (500)"),
    "a refusal that is nested": (evil.refuse_with(500, b"[" * DEEP), "trouble of its own (500)"),
    "a refusal with wrong types": (evil.refuse_with(403, b'{"errors": 3}'), "may not read"),
    "a refusal without an end": (evil.endless(500), "trouble of its own (500)"),
    "a refusal that is a bomb": (
        evil.refuse_with(500, gzip_bomb(), content_encoding="gzip"),
        "trouble of its own (500)",
    ),
    "a pause of a year": (
        evil.refuse_with(429, b"", retry_after=YEAR),
        "a pause of more than 5 minutes (429)",
    ),
    "a pause of 5,000 digits": (
        evil.refuse_with(503, b"", retry_after="9" * 5000),
        "a pause of more than 5 minutes (503)",
    ),
    "a limit that lasts a year": (
        evil.refuse_with(429, b"", ratelimit=f'"api";r=0;t={YEAR}'),
        "a pause of more than 5 minutes (429)",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_no_hub_gives(hub: HubStandIn, download: Download, name: str) -> None:
    hub.evil["API"], says = ANSWERS[name]
    check_refused(download, says)
    assert hub.fetched() == set()


SLOW = {
    "a body": evil.raw(evil.head(content_length="9999"), b" ", pause_s=0.02, times=9999),
    "headers": evil.raw(b"HTTP/1.1 200 OK\r\n", b"a", pause_s=0.02, times=9999),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_byte_at_a_time(
    hub: HubStandIn, download: Download, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes before the time-out for reads ends."""
    monkeypatch.setattr(connection, "WINDOW_S", 0.5)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.2)
    hub.evil["API"] = SLOW[name]
    check_refused(download, "sends the listing of org/Tiny-Llama too slowly")


def test_a_listing_has_to_be_there_by_a_time(
    hub: HubStandIn, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast its bytes come."""
    monkeypatch.setattr(listing, "LISTING_S", 0.3)
    hub.evil["API"] = evil.raw(
        evil.head(content_length="9999999"), b" " * 999, pause_s=0.01, times=999
    )
    check_refused(download, "the listing of org/Tiny-Llama takes too long to come")


def with_file(**changed: Any) -> Callable[[dict[str, Any]], Any]:
    """The listing with other values in the entry of the first file."""
    return lambda info: info | {"siblings": [info["siblings"][0] | changed, *info["siblings"][1:]]}


def with_files(files: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda info: info | {"siblings": files}


def with_commit(commit: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda info: info | {"sha": commit}


FIRST = next(iter(WANTED))
LISTS: list[Any] = [None, 3, "x", {}, True]
ENTRIES: list[Any] = [None, 3, "x", [], {}, {"rfilename": None}, {"rfilename": 3}, [["x"]]]
COMMITS: list[Any] = [None, 3, [], {}, "", "main", "../../evil", "A" * 40, "0" * 41, "0" * 39]
SIZES: list[Any] = [None, "9", -1, 1.5, True, [], {}, 2**60, 10**300, float("nan")]
LFS: list[Any] = ["x", 3, [], {}, True, {"sha256": 3}, {"sha256": "x" * 64}, {"sha256": "0"}]
BLOB_IDS: list[Any] = [None, 3, [], "", "../evil", "0" * 41]
LISTINGS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    *((with_files(files), "(the list of files is ") for files in LISTS),
    *((with_files([entry]), "(a file is ") for entry in ENTRIES),
    (lambda info: {"sha": info["sha"]}, "(the list of files is missing)"),
    *((with_commit(commit), "(the commit is ") for commit in COMMITS),
    *((with_file(size=size), f"(the size of {FIRST} is ") for size in SIZES),
    *((with_file(lfs=lfs), f"(the checksum of {FIRST} is ") for lfs in LFS),
    *(
        (with_file(lfs=None, blobId=blob_id), f"(the checksum of {FIRST} is ")
        for blob_id in BLOB_IDS
    ),
    (with_file(size=10**17), "free some space"),
]


@pytest.mark.parametrize("case", range(len(LISTINGS)))
def test_listings_of_wrong_types(hub: HubStandIn, download: Download, case: int) -> None:
    hub.rewrite, says = LISTINGS[case]
    check_refused(download, says)
    assert hub.fetched() == set()


MIB = 1 << 20


def test_a_gigabyte_is_not_held_in_memory(hub: HubStandIn) -> None:
    hub.evil["API"] = evil.announced(1 << 30)
    run = measure(largest_file=MIB)
    check_sentence(run.done, "sends more than 67,108,864 bytes for the listing")
    assert run.peak_bytes < 400 * MIB and run.seconds < 20


def more_files(hub: HubStandIn, prefix: str, count: int) -> None:
    """List further files, which are not there."""
    entry = {"size": 0, "blobId": "0" * 40, "lfs": {"sha256": "0" * 64, "size": 0}}
    others = [{"rfilename": f"{prefix}{number}", **entry} for number in range(count)]
    hub.rewrite = lambda info: info | {"siblings": info["siblings"] + others}


def test_two_hundred_thousand_files(hub: HubStandIn) -> None:
    """As many as a listing may hold: those that nobody wants do no harm."""
    more_files(hub, "", 200_000)
    run = measure(largest_file=4 * MIB)
    assert run.done.returncode == 0 and contents(Path("tiny-llama")) == WANTED
    assert run.peak_bytes < 800 * MIB and run.seconds < 30


def test_more_files_than_are_fetched(hub: HubStandIn, download: Download) -> None:
    more_files(hub, "tokenizer.", 10_000)
    check_refused(download, f"{MODEL} has 10,009 files to fetch, at most 10,000 are")


def test_the_largest_listing_that_is_parsed(hub: HubStandIn) -> None:
    """64 MiB of the smallest values: what takes most memory once it is parsed."""
    hub.evil["API"] = evil.send(
        b'{"sha": "%b", "siblings": [' % (b"0" * 40)
        + b"[]," * 999_990
        + b"1.5," * 5_000_000
        + b"1]}"
    )
    run = measure(largest_file=MIB)
    check_sentence(run.done, "(a file is a list)")
    assert run.peak_bytes < 1500 * MIB and run.seconds < 30
