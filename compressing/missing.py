"""Which checkpoints of a model are there, whether they may stand for a scheme, and making the rest.

Making one takes up to hours, so what is there is used; what was made from other weights never is.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, manifest, models
from compressing import making, staging
from compressing.settings import Settings
from core import cli, machine, options, plugins
from core.errors import UserError
from running import child
from running.progress import Progress, Turn
from running.run import LOGS

TIMEOUT_S = 24 * 3600.0
COMPRESSING = "compressing"
CLASSIC = (
    "FP8-W8A8", "INT8-W8A16", "INT8-W8A8", "INT8-W8A16-RTN", "INT4-W4A16", "INT4-W4A16-AWQ",
)  # fmt: skip
GROUPS: dict[str, Callable[[], list[str]]] = {
    "all": lambda: list(CLASSIC),
    "every": lambda: [plugins.shown("schemes", stem) for stem in plugins.names("schemes")],
}


def libraries(places: Iterable[models.Place]) -> tuple[str, ...]:
    """What may be imported once for all those that have to be made."""
    left = [place for place in places if not place.path.exists()]
    makers = [making.maker(plugins.load("schemes", place.scheme)) for place in left]
    return tuple(dict.fromkeys(name for maker in makers for name in maker.PRELOADED))


def choose(text: str) -> list[str]:
    """Scheme names from `all` (the base and the six classic ones), `every`, or a comma list.

    Raises `UserError` for a name that does not exist. The base always comes first.
    """
    if text in GROUPS:
        wanted = GROUPS[text]()
    else:
        parts = [part for part in text.split(",") if part.strip()]
        wanted = [plugins.shown("schemes", plugins.find("schemes", part)) for part in parts]
    return ["BASE", *dict.fromkeys(name for name in wanted if name != "BASE")]


def check(places: list[models.Place], settings: Settings, named: bool) -> dict[str, str]:
    """Find what is known to fail before the first scheme is made.

    Raises `UserError` for a scheme that was asked for by name (`named`) and cannot be made; others
    that cannot be made are returned with the reason.
    """
    impossible: dict[str, str] = {}
    predicted: dict[Path, int] = {}
    for model_id in {place.model_id for place in places}:
        checkpoint.read(models.folder(model_id))
    settings.must_suit(plugins.load("schemes", place.scheme) for place in places)
    for place in places:
        staging.restore(place.path)
        if place.path.exists():
            if not place.is_base:
                _check_reused(place, settings)
            continue
        try:
            planned = making.plan(place, settings)
            making.must_fit(place, planned)
            predicted[place.path] = planned.predicted_bytes
        except UserError as problem:
            if named:
                raise
            impossible[place.scheme] = str(problem)
    _must_fit(predicted)
    return impossible


def _must_fit(predicted: dict[Path, int]) -> None:
    """Raise `UserError` when the disks have no room for all; links may lead to different ones."""
    disks: dict[int, list[Path]] = {}
    for path in predicted:
        disks.setdefault(staging.disk(path).stat().st_dev, []).append(path)
    for paths in disks.values():
        disk, need = staging.disk(paths[0]), sum(predicted[path] for path in paths)
        free = shutil.disk_usage(disk).free + sum(map(staging.reclaimable, paths))
        if need > free:
            raise UserError(
                f"the checkpoints will take {need / 2**30:.1f} GiB, "
                f"{free / 2**30:.1f} GiB are free in {disk}"
            )


def _check_reused(place: models.Place, settings: Settings) -> None:
    """Check a checkpoint that is there. Other settings are only reported: making it takes hours."""
    differing = made_otherwise(place, settings)
    relevant = settings.of_scheme(plugins.load("schemes", place.scheme))
    differing = [name for name in differing if name in relevant]
    if differing:
        cli.say(f"{place.path}: reused, though made with another {', '.join(differing)}", "yellow")


def made_otherwise(place: models.Place, settings: Settings) -> list[str]:
    """Names of the settings that a checkpoint which is there was made with other values of.

    Raises `UserError` when it is not whole, was not made by compress.py, or from other weights.
    """
    beside = ["--output_dir", str(place.path.parent)] if place.path.parent != Path() else []
    named = ["--compression_type", place.scheme, "--model_id", place.model_id, *beside]
    changed = options.words(Settings, asdict(settings))
    anew = machine.command_line("compress.py", *named, *changed, "--force")
    again = f"remove it, or run `{anew}`"
    made = manifest.read(place.path)
    if made is None:
        raise UserError(f"{place.path} is there but was not made by compress.py: {again}")
    checkpoint.read(place.path)
    base = checkpoint.read(models.folder(place.model_id)).fingerprint
    if (made.get("base") or {}).get("fingerprint") != base:
        raise UserError(
            f"{place.path} was made from other weights than {place.model_id} has now: {again}"
        )
    made_with, wanted = made.get("settings") or {}, asdict(settings)
    return [name for name in made_with if made_with[name] != _plain(wanted.get(name))]


def _plain(value: Any) -> Any:
    """As it comes back from JSON, which has no tuples."""
    return list(value) if isinstance(value, tuple) else value


def turns(places: list[models.Place]) -> list[Turn]:
    """The turns of making those that are not there yet."""
    left = [place.scheme for place in places if not place.path.exists()]
    return [
        Turn(
            subject=scheme,
            steps=(COMPRESSING,),
            place=(f"checkpoint {number} of {len(left)} to make",),
        )
        for number, scheme in enumerate(left, start=1)
    ]


def make(place: models.Place, settings: Settings, run_id: str, progress: Progress) -> str | None:
    """Compress in a clean child; returns why it could not be done.

    A process that dies is tried once more.
    """
    log = LOGS / f"compress-{place.model}-{place.scheme}-{run_id}.log"

    def on_event(event: tuple[str, int, int]) -> None:
        detail, done, total = event
        progress.step(COMPRESSING, done, total, detail)

    def compress() -> str | None:
        return child.run(_compress, (place, settings), log, TIMEOUT_S, on_event)

    reason = compress()
    if isinstance(reason, child.Died):
        cli.say(f"{place.scheme}: {reason}: tried once more", "yellow")
        reason = compress()
    return f"{reason} (log: {log})" if reason else None


def _compress(emit: child.Emit, place: models.Place, settings: Settings) -> None:
    """The child's side of one compression."""
    making.compress(place, settings, False, lambda *event: emit(event))
