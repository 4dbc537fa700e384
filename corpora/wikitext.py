"""WikiText-2 (wikitext-2-raw-v1, test split): what perplexities are mostly published on.

Read from the folder `download_model.py --datasets` fills where there is one, else from the hub.
"""

from pathlib import Path

from core.corpus import Corpus, Document, choose, quiet_libraries
from core.errors import UserError

REPOSITORY = "EleutherAI/wikitext_document_level"
CONFIGURATION = "wikitext-2-raw-v1"
LOCAL = Path("datasets_cache") / REPOSITORY.replace("/", "--")


def text() -> str:
    """The test split's articles, an empty line between two."""
    return "\n\n".join(_pages())


def load(count: int, seed: int) -> list[Document]:
    """`count` articles of the test split, chosen by `seed`."""
    return choose([{"text": page} for page in _pages()], count, seed, "WikiText-2's test split")


def _pages() -> list[str]:
    from datasets import load_dataset

    quiet_libraries()
    files = sorted(str(f) for f in LOCAL.rglob("*test*.parquet") if CONFIGURATION in str(f))
    try:
        if files:
            rows = load_dataset("parquet", data_files=files, split="train")
        else:
            rows = load_dataset(REPOSITORY, CONFIGURATION, split="test")
    except Exception as problem:  # httpx's, the hub's and datasets' errors share no other base
        raise UserError(
            f"cannot fetch {REPOSITORY} ({type(problem).__name__}): on a machine with network run "
            "`python download_model.py --datasets` and copy datasets_cache/, or give a text file"
        ) from problem
    return [str(page) for page in rows["page"]]


CORPUS = Corpus(
    summary="WikiText-2 test, 62 articles of Wikipedia", load=load, text=text, chats=False
)
