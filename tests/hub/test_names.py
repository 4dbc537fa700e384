"""Names of files that a hub may list: which are written, and how they are shown."""

from pathlib import Path

import pytest

from core.errors import UserError
from hub.names import check_names, enumeration, shown
from tests.hub.conftest import Download
from tests.hub.evil_case import check_refused, in_time
from tests.hub.hub_case import MODEL, WANTED, contents
from tests.hub.hub_stand_in import HubStandIn

OUT = "which has a name that leads out of its folder"
UNPRINTABLE = "which has unprintable characters in its name"
RESERVED = "which has a name that this command uses itself"
NAMES = [
    ("../evil.parquet", OUT),
    ("data/../../evil.parquet", OUT),
    ("data/../evil.parquet", OUT),
    ("/tmp/evil.parquet", OUT),
    ("//evil.parquet", OUT),
    ("data//evil.parquet", OUT),
    ("./evil.parquet", OUT),
    ("data\\..\\..\\evil.parquet", OUT),
    ("C:\\evil.parquet", OUT),
    ("", OUT),
    ("evil.parquet/", OUT),
    ("evil\0.parquet", UNPRINTABLE),
    ("evil\n.parquet", UNPRINTABLE),
    ("\x1b[2Jevil.parquet", UNPRINTABLE),
    ("evil\udc80.parquet", UNPRINTABLE),
    ("evil\u202etelqrap.parquet", UNPRINTABLE),
    ("e" * 5000 + ".parquet", "which has a name of 5,008 bytes"),
    ("é" * 120 + ".parquet", "which has a name of 248 bytes"),
    ("e/" * 600 + ".parquet", "which has a name of 1,208 bytes"),
    ("download.json/evil.parquet", RESERVED),
    ("unfinished.json/evil.parquet", RESERVED),
    (".cache/huggingface/download/evil.parquet", RESERVED),
    (".Cache/evil.parquet", RESERVED),
]


@pytest.mark.parametrize(("name", "says"), NAMES, ids=range(len(NAMES)))
def test_names_that_are_not_written(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        check_names(["a", name])
    sentence = str(refused.value)
    assert sentence.startswith("The hub lists ")
    assert len(sentence) < 300 and sentence.isprintable()


@pytest.mark.parametrize("case", [0, 3, 7, 11, 14, 16, 19, 21])
def test_nothing_of_such_a_repository_is_fetched(
    hub: HubStandIn, download: Download, case: int
) -> None:
    name, says = NAMES[case]
    hub.add("Rowan/hellaswag", {name: b"evil", "good.parquet": b""}, type="dataset")
    with in_time():
        done = download("--datasets")
    assert done.returncode == 1
    assert [says in line for line in done.stderr.splitlines() if "Rowan/hellaswag" in line] == [
        True
    ]
    assert "Traceback" not in done.stderr
    assert {path.name for path in Path().iterdir()} == {"tiny-llama"}
    assert not list(Path().parent.rglob("*evil*")) and "good.parquet" not in hub.fetched()


@pytest.mark.parametrize(
    "name", ["tokenizer\0", "tokenizer\udc80", "tokenizer\\..", "tokenizer" * 600]
)
def test_a_model_with_such_a_name_is_refused(
    hub: HubStandIn, download: Download, name: str
) -> None:
    hub.add(MODEL, WANTED | {name: b"evil"})
    check_refused(download, "The hub lists tokenizer")
    assert hub.fetched() == set()


def test_a_name_that_nobody_wants_does_no_harm(hub: HubStandIn, download: Download) -> None:
    hub.add(MODEL, WANTED | {"../evil": b"", "\udc80": b"", "logs\\run.txt": b"", "x" * 5000: b""})
    assert download().returncode == 0
    assert contents(Path("tiny-llama")) == WANTED


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["a", "b", "a"], "The hub lists a, which is listed twice"),
        (["a/b/c", "a/b"], "The hub lists a/b, which is both a file and a folder"),
        (["a", "a/b/c"], "The hub lists a, which is both a file and a folder"),
    ],
)
def test_names_that_do_not_go_together(paths: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_names(paths)


def test_a_file_that_is_listed_twice(hub: HubStandIn, download: Download) -> None:
    hub.rewrite = lambda info: info | {"siblings": info["siblings"] * 2}
    check_refused(download, "which is listed twice")


@pytest.mark.parametrize(
    "path",
    [
        "model.safetensors",
        "data/train-00000-of-00001.parquet",
        "a b/ü/模型.safetensors",
        "a..b",
        "...",
        "x" * 240,
        "data/download.json",
        ".cached",
        "tokenizer[1].txt",
    ],
)
def test_names_that_are_written(path: str) -> None:
    check_names([path, "other"])


def test_names_that_differ_in_case_are_two_files(hub: HubStandIn, download: Download) -> None:
    """On a disk that does not distinguish them, one fails the check of its checksum."""
    files = WANTED | {"tokenizer.JSON": b"other", "Tokenizer.json": b"not fetched"}
    hub.add(MODEL, files)
    assert download().returncode == 0
    assert contents(Path("tiny-llama")) == WANTED | {"tokenizer.JSON": b"other"}


def test_names_are_shown_on_one_short_line() -> None:
    assert shown("a/ü.bin") == "a/ü.bin"
    assert shown("a\n\x1b[2J") == "a \\x1b[2J"
    assert shown("x" * 101) == "x" * 100 + "…"
    assert enumeration(["a"]) == "a"
    assert enumeration("abcdefgh") == "a, b, c, and 5 more"
