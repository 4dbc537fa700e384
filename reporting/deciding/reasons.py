"""The decision in words: why the best is the best, why each other lost, what is still open."""

import shlex

from core.stats import NOISY, Ratio
from core.words import join, more_of, percent, ratio_text, value_text
from reporting.deciding.candidate import advantage
from reporting.deciding.gates import accepted, quality_state
from reporting.deciding.ranking import Rated, UseCase, drowned, finer, metric, separated, unrepeated
from reporting.deciding.scoring import score_command, too_few_documents
from reporting.deciding.study import Study
from reporting.reading import measures

GOALS = {
    "latency": "one user's latency",
    "throughput": "batch throughput",
    "memory": "smallest memory",
}
BEST = {"latency": "lowest latency", "throughput": "highest throughput", "memory": "least memory"}
REPEATS = "5"
WORSE = {
    "latency": "{} slower than",
    "throughput": "{} slower than",
    "memory": "takes {} the memory of",
}


def lead_sentence(study: Study, lead: Rated, tied: list[Rated], use_case: UseCase) -> str:
    """Why `lead` comes first, in one sentence with its figure against the base's."""
    measure, name = metric(study, use_case)
    scheme = lead.candidate.scheme
    shown_in = measures.shown_in(measure, name)
    value = value_text(lead.figure.value, lead.figure.unit, shown_in)
    ratio = study.speed_up(lead.candidate, measure, name)
    figure = f"{value} {_load(measure, use_case)}{_times(ratio, use_case)}"
    others = [rating.candidate.scheme for rating in tied if rating is not lead]
    if lead.candidate.is_base:
        verb = "is" if len(others) == 1 else "are"
        alike = f"; {join(others)} {verb} indistinguishable from it" if others else ""
        return f"No scheme beats {scheme} in {GOALS[use_case]}: {figure}{alike}."
    quality = f" Its quality {quality_state(lead.candidate)}." if accepted(lead.candidate) else ""
    if ratio is not None and use_case != "memory" and not ratio.separated:
        quality = f" It is indistinguishable from the base in that.{quality}"
    if not others:
        return f"{scheme} has the {BEST[use_case]}: {figure}.{quality}"
    why = dict.fromkeys(finer(lead, rating) for rating in tied if rating is not lead)
    return (
        f"{join([scheme, *others])} share the {BEST[use_case]}. {scheme} comes first because it "
        f"{join(list(why))}: {figure}.{quality}"
    )


def _times(ratio: Ratio | None, use_case: UseCase) -> str:
    if ratio is None:
        return ""
    if use_case == "memory":
        return f", {percent(1 / ratio.value)} of the base's"
    if not ratio.separated:
        return ""
    than = " as fast as the base" if use_case == "latency" else " the base's"
    return f", {ratio_text(ratio)}{than}"


def _load(measure: str, use_case: UseCase) -> str:
    return "of weights" if use_case == "memory" else f"with {measures.load(measure)}"


def lost_reason(
    rating: Rated, lead: Rated, safest: Rated | None, tied: list[Rated], use_case: UseCase
) -> str:
    """Why a candidate that passed the gates was not chosen."""
    if rating is lead:
        return f"leads, but its quality {quality_state(rating.candidate)}"
    winner = safest if safest is not None and rating not in tied else lead
    scheme = winner.candidate.scheme
    ratio = advantage(rating.figure, winner.figure)
    if not separated(rating, winner, use_case):
        unstable = [o for o in (rating, winner) if (o.figure.cv or 0) > NOISY]
        noise = "; they vary by more than 8 %, more repeats may separate them" if unstable else ""
        return f"indistinguishable from {scheme}, {_preferred(winner, rating)}{noise}"
    if ratio is None:
        return f"not as good as {scheme}"
    if ratio.value <= 1:
        return f"{WORSE[use_case].format(_factor(ratio))} {scheme}"
    if not accepted(rating.candidate):
        return f"better than {scheme}, but its quality {quality_state(rating.candidate)}"
    return f"it ties with the best, as does {scheme}, {_preferred(winner, rating)}"


def _preferred(winner: Rated, rating: Rated) -> str:
    """Why one of two that tie is preferred: a quality that passed, else how `ranking` orders."""
    if accepted(winner.candidate) and not (winner.candidate.is_base or accepted(rating.candidate)):
        return "whose quality passed"
    return f"which {finer(winner, rating)}"


def _factor(ratio: Ratio) -> str:
    """How many times worse, from the ratio of better: `1.43x`."""
    turned = Ratio(
        value=1 / ratio.value, low=ratio.high and 1 / ratio.high, high=ratio.low and 1 / ratio.low
    )
    return ratio_text(turned)


def undecided_sentence(
    lead: Rated, tied: list[Rated], safest: Rated | None, sentence: str, use_case: UseCase
) -> str:
    """What is open, in words, and what to deploy meanwhile."""
    open_ = [sentence]
    if any(unrepeated(lead, rating, use_case) for rating in tied if rating is not lead):
        names = join([rating.candidate.scheme for rating in tied])
        open_ = [f"{names} cannot be ranked: a single repeat has no interval."]
    noisy = drowned(lead, tied, use_case)
    if noisy is not None:
        open_.append(
            f"{noisy.candidate.scheme} looks better than {lead.candidate.scheme}, but the "
            "measurements vary by more than 8 %, too much to rank them."
        )
    if not accepted(lead.candidate):
        open_.append(f"But its quality {quality_state(lead.candidate)}.")
        open_ += too_few_documents(lead.candidate)
    until = f" Until then {safest.candidate.scheme} is the safe choice." if safest else ""
    return f"Undecided. {' '.join(open_)}{until}"


def to_decide(study: Study, lead: Rated, tied: list[Rated], use_case: UseCase) -> list[str]:
    """Commands that would settle what is open; none where the decision stands."""
    commands = []
    single = any(unrepeated(lead, rating, use_case) for rating in tied if rating is not lead)
    if single or drowned(lead, tied, use_case):
        commands.append(measure_command(study))
    elif study.base is None or not study.base.performance:
        commands.append(measure_command(study, base=True))
    if not accepted(lead.candidate) and not too_few_documents(lead.candidate):
        commands.append(score_command(study, lead.candidate))
    return commands


def measure_command(study: Study, base: bool = False) -> str:
    """The command that measures this study's speed again, with more repeats, or its base's alone.

    It is the newest record's own command, so that what it measures can be compared with the rest.
    """
    timed = [c.newest for c in study.candidates if c.performance]
    command = max(timed, key=lambda r: r.ended).command if timed else []
    if command[:1] == ["pipeline.py"]:
        again = command if base else _with(command, more_of(study.rounds), REPEATS)
        return shlex.join(["python", *again])
    if command[:1] == ["benchmark.py"] and base:
        return shlex.join(["python", *_with(command, "--model", study.model)])
    return shlex.join(["python", "pipeline.py", "--model_id", study.model, "--repeats", REPEATS])


def _with(words: list[str], option: str, value: str) -> list[str]:
    """A command line with an option's value set."""
    changed = list(words)
    if option in changed:
        place = changed.index(option)
        del changed[place : place + 2]
    return [*changed, option, value]
