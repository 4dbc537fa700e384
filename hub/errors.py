"""What went wrong with the model hub, in one sentence that says what to do.

with user_errors("org/model"):
    snapshot_download("org/model")
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import UserError, first_line
from hub.names import shown

CARRY = "download on a machine that has it and copy the folder here (docs/offline.md)"
LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


@contextmanager
def user_errors(repo_id: str) -> Iterator[None]:
    """Turn the hub's, the network's and the disk's exceptions into a `UserError`.

    An exception that is none of these is a bug and passes unchanged.
    """
    try:
        yield
    except Exception as problem:
        sentence = explain(problem, repo_id)
        if sentence is None:
            raise
        raise UserError(sentence) from problem


def explain(problem: BaseException, repo_id: str) -> str | None:
    """The sentence for `problem`, or None when it is not about the hub, the network or the disk.

    The deepest cause that has a sentence counts: huggingface_hub wraps a refused or broken request
    into "cannot find the file in the cache", which says nothing of what to do.
    """
    chain = [problem]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    sentences = (_sentence(link, repo_id) for link in reversed(chain))
    return next((sentence for sentence in sentences if sentence), None)


def _sentence(problem: BaseException, repo_id: str) -> str | None:
    from huggingface_hub import errors

    if isinstance(problem, errors.HfHubHTTPError):
        return _refused(problem, repo_id)
    if isinstance(problem, errors.HFValidationError):
        return f"{repo_id!r} is not the name of a repository: names look like org/name."
    return _unreachable(problem) or _disk(problem)


def _refused(problem: BaseException, repo_id: str) -> str:
    """The hub answered, with a refusal."""
    from huggingface_hub import constants, errors

    status = problem.response.status_code  # type: ignore[attr-defined]
    page = f"{constants.ENDPOINT}/{repo_id}"
    if isinstance(problem, errors.GatedRepoError):
        return (
            f"{repo_id} is gated: accept its licence on {page}, then {LOG_IN} and run this again."
        )
    if isinstance(problem, errors.DisabledRepoError):
        return f"{repo_id} was disabled by its authors or the hub: choose another model."
    if isinstance(problem, errors.RepositoryNotFoundError):
        return f"{repo_id} is missing or private: check the spelling, or {LOG_IN} if it is private."
    if isinstance(problem, errors.RevisionNotFoundError):
        return f"{repo_id} has no such revision: see the branches and tags on {page}/tree/main."
    return _status(status, repo_id)


def _status(status: int, repo_id: str) -> str:
    """A refusal that only its HTTP status tells apart."""
    if status == 401:
        return f"The hub did not accept the token (401): {LOG_IN} with a valid one."
    if status == 403:
        return f"The token may not read {repo_id} (403): {LOG_IN} with one that has read access."
    if status == 429:
        return f"The hub asks for a pause (429): wait some minutes, or {LOG_IN} for higher limits."
    if status >= 500:
        return f"The hub has trouble of its own ({status}): run this again in some minutes."
    return f"The hub refused the request for {repo_id} ({status}): check the name and HF_ENDPOINT."


def _unreachable(problem: BaseException) -> str | None:
    """No answer, or one that is not a hub's."""
    import httpx
    from huggingface_hub import constants, errors

    hub, what = constants.ENDPOINT, shown(str(problem))
    if isinstance(problem, errors.OfflineModeIsEnabled):
        return f"HF_HUB_OFFLINE is set: unset it if there is a network, or {CARRY}."
    if isinstance(problem, httpx.RemoteProtocolError | httpx.ReadError):
        return (
            f"The connection to {hub} keeps breaking off ({what}): run this again, "
            "the files that are whole were kept."
        )
    if isinstance(problem, httpx.TransportError | ConnectionError | TimeoutError):
        return f"Cannot reach {hub} ({what}): check the network, or {CARRY}."
    if isinstance(problem, httpx.TooManyRedirects):
        return str(no_hub("it redirects without an end"))
    not_a_hub = (errors.FileMetadataError, errors.LocalEntryNotFoundError, httpx.InvalidURL)
    if isinstance(problem, (*not_a_hub, httpx.RequestError, json.JSONDecodeError)):
        return str(no_hub())
    return None


def no_hub(what: str = "") -> UserError:
    """The other side answers with what no hub sends; `what`: the part of it that shows so."""
    from huggingface_hub import constants

    found = f" ({what})" if what else ""
    return UserError(
        f"{constants.ENDPOINT} does not answer as a model hub does{found}: check HF_ENDPOINT and "
        "proxies."
    )


def _disk(problem: BaseException) -> str | None:
    if not isinstance(problem, OSError):
        return None
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk filled up: free some space and run this again; whole files were kept."
    if problem.errno is not None and problem.filename is not None:
        return (
            f"Cannot write {shown(str(problem.filename))} ({problem.strerror}): "
            "choose another place with --output_dir."
        )
    if problem.errno is None:  # huggingface_hub's "Consistency check failed"
        return f"A file did not arrive whole ({shown(first_line(problem))}): run this again."
    return None
