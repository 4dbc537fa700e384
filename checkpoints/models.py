"""Where models and checkpoints are, and which checkpoint is which scheme of which model.

A model is `demo` (built in) or a folder. `compress.py` writes `{model_id}-{SCHEME}/` next to where
it is run, with `compression.json` in it; that file, not the folder's name, says what it is.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, manifest
from core import machine, names, plugins, strict_json
from core.errors import UserError
from core.names import checked_name
from core.plugins import ROOT

DEMO = "demo"
DEMO_PATH = ROOT / "demo" / "model"
MANIFEST = manifest.NAME
RANDOM_WEIGHTS = "random_weights.json"  # scripts/make_model.py leaves it in what it makes
DOWNLOAD = "download.json"  # download_model.py leaves it in what it fetches
NO_QUALITY = "random weights: no quality figure"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a checkpoint folder is: model, scheme, and how it was made.

    `scheme` is one of ours where `ours`; of a checkpoint made by others it is the declared method.
    `manifest` is `compression.json`; in it, and in that of a base made by scripts/make_model.py,
    `random_weights` tells that there is no quality to measure.
    """

    path: Path
    model: str
    scheme: str
    manifest: dict[str, Any]
    ours: bool


def folder(model_id: str) -> Path:
    """The folder of a model. Raises `UserError` that says how to get it when there is none."""
    if model_id == DEMO:
        return DEMO_PATH
    path = Path(model_id)
    if path.is_dir():
        return path
    fetched = Path(model_id.rpartition("/")[2].lower())
    if "/" in model_id and (fetched / DOWNLOAD).is_file():
        return fetched
    named = [model_id] if "/" in model_id else []
    what = "it" if named else "Llama-3-8B-Instruct into llama3_8b, and `demo` is built in"
    hint = f"`{machine.command_line('download_model.py', *named)}` fetches {what}"
    raise UserError(f"there is no model folder {model_id!r}; {hint}")


def has_chat_template(path: Path) -> bool:
    """Whether a model's tokenizer comes with a chat template, as files tell."""
    if checkpoint.inside(path, path / "chat_template.jinja").is_file():
        return True
    config = "tokenizer_config.json"
    own = checkpoint.read_part(path, config) if (path / config).is_file() else {}
    return bool(own.get("chat_template"))


def model_name(model_id: str) -> str:
    """The first part of a checkpoint's folder name: `demo`, or the model folder's own name.

    Raises `UserError` for a folder whose name cannot call others (see `core.names`).
    """
    if model_id == DEMO:
        return DEMO
    path = Path(model_id).resolve()
    return checked_name(path.name, "the folder's name", path.parent)


def folder_name(path: Path) -> str:
    """What a checkpoint's folder is called where it was asked for, `.` and `..` included.

    Raises `UserError` as `model_name` does.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link is called by its own name
    return checked_name(path.name, "the folder's name", path.parent, names.FILE_BYTES)


def checkpoint_path(model_id: str, scheme: str, parent: Path) -> Path:
    """Where the checkpoint of a model under a scheme goes; the base is the model itself."""
    stem = plugins.find("schemes", scheme)
    if stem == "base":
        return folder(model_id)
    return parent / f"{model_name(model_id)}-{plugins.shown('schemes', stem)}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a model's checkpoint of a scheme is or will be; the base is the model itself."""

    model_id: str
    scheme: str
    path: Path

    @property
    def model(self) -> str:
        """The model's name."""
        return model_name(self.model_id)

    @property
    def is_base(self) -> bool:
        """Whether this is the uncompressed model."""
        return self.scheme == "BASE"

    def identify(self) -> Identity:
        """What is there. Raises `UserError` where it cannot be read."""
        return identify(self.model_id if self.is_base else str(self.path))


def places(model_id: str, schemes: list[str], parent: Path) -> list[Place]:
    """The places of a model's checkpoints, in the order of `schemes`.

    Raises `UserError` for a model that is not there and for one whose name is none.
    """
    model_name(model_id)
    return [
        Place(model_id=model_id, scheme=name, path=checkpoint_path(model_id, name, parent))
        for name in schemes
    ]


def identify(path_or_model: str) -> Identity:
    """Tell what a checkpoint is from its `compression.json`; one without compression is a base.

    Its model and scheme are names (see `core.names`). Raises `UserError` where they are not.
    """
    path = folder(path_or_model)
    made = manifest.read(path)
    if made is not None:
        return Identity(
            path=path, model=made["model"], scheme=made["scheme"], manifest=made, ours=True
        )
    files = checkpoint.read(path)
    base = files.quantization is None
    declared = "BASE" if base else files.format
    return Identity(
        path=path,
        model=model_name(path_or_model),
        scheme=checked_name(declared, "the format it declares", path / "config.json"),
        manifest=random_mark(path),
        ours=base,
    )


def hub(path: Path) -> dict[str, Any]:
    """The hub's `repo_id` and `commit` that a folder says it was downloaded from, or nothing.

    Where one of them cannot be right there is nothing either.
    """
    try:
        held = checkpoint.read_part(path, DOWNLOAD)
    except UserError:
        return {}
    known = {key: held[key] for key in ("repo_id", "commit") if isinstance(held.get(key), str)}
    parts = [part for text in known.values() for part in text.split("/")]
    named = "/" not in known.get("commit", "") and known.get("repo_id", "").count("/") <= 1
    return known if named and not any(map(names.fault, parts)) else {}


def random_mark(path: Path) -> dict[str, Any]:
    """`random_weights` with what marks a folder's weights as random (`note`, shape), or nothing.

    Raises `Damaged` for a mark that no record could hold.
    """
    if not (path / RANDOM_WEIGHTS).is_file():
        return {}
    mark = checkpoint.read_part(path, RANDOM_WEIGHTS)
    if why := strict_json.fault(mark):
        raise strict_json.Damaged(f"{path / RANDOM_WEIGHTS}: {why}")
    return {"random_weights": mark}


def refuse_random_weights(path: Path) -> None:
    """Raise `UserError` for a model whose weights are marked as random: it has no quality."""
    if random_mark(path):
        raise UserError(f"{path.name}: {NO_QUALITY}; --tasks none --text none measures speed")
