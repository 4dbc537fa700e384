"""WikiText-2 (wikitext-2-raw-v1, test split): what perplexities are mostly published on.

Read from a folder of data sets as `download_model.py --datasets` fills it, else from the hub.
"""

from pathlib import Path

from core.corpus import DATA_DIR, Corpus, Document, choose, quiet_libraries
from core.errors import UserError

REPOSITORY = "EleutherAI/wikitext_document_level"
CONFIGURATION = "wikitext-2-raw-v1"
FOLDER = REPOSITORY.replace("/", "--")


def text(data_dir: Path) -> str:
    """The test split's articles, an empty line between two."""
    return "\n\n".join(_pages(data_dir))


def load(count: int, seed: int) -> list[Document]:
    """`count` articles of the test split, chosen by `seed`."""
    return choose(
        [{"text": page} for page in _pages(DATA_DIR)], count, seed, "WikiText-2's test split"
    )


def _pages(data_dir: Path) -> list[str]:
    from datasets import load_dataset

    quiet_libraries()
    candidates = (data_dir / FOLDER).rglob("*test*.parquet")
    files = sorted(str(file) for file in candidates if CONFIGURATION in str(file))
    try:
        if files:
            rows = load_dataset("parquet", data_files=files, split="train")
        else:
            rows = load_dataset(REPOSITORY, CONFIGURATION, split="test")
    except Exception as problem:  # httpx's, the hub's and datasets' errors share no other base
        raise UserError(
            f"cannot fetch {REPOSITORY} ({type(problem).__name__}): on a machine with network run "
            "`python download_model.py --datasets` and copy datasets_cache/ (--data_dir names "
            "another folder), or give a text file with --text"
        ) from problem
    return [str(page) for page in rows["page"]]


CORPUS = Corpus(
    summary="WikiText-2 test, 62 articles of Wikipedia", load=load, text=text, chats=False
)
