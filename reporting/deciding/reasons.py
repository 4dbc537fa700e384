"""The decision in words: why the best is the best, why each other lost, what is still open."""

from core.stats import Ratio
from core.words import join, percent, ratio_text, value_text
from reporting.deciding.candidate import Candidate
from reporting.deciding.commands import measure_command, score_command, too_few_documents
from reporting.deciding.gates import accepted, quality_state
from reporting.deciding.ranking import Ranking, Rated, UseCase, finer, metric
from reporting.deciding.study import Study
from reporting.reading import measures

GOALS = {
    "latency": "one user's latency",
    "throughput": "batch throughput",
    "memory": "smallest memory",
}
BEST = {"latency": "lowest latency", "throughput": "highest throughput", "memory": "least memory"}
WORSE = {
    "latency": "{} slower than",
    "throughput": "{} slower than",
    "memory": "takes {} the memory of",
}


def lead_sentence(ranking: Ranking) -> str:
    """Why the leader comes first, in one sentence with its figure against the base's."""
    lead, use_case = ranking.lead, ranking.use_case
    scheme = lead.candidate.scheme
    ratio = ranking.study.speed_up(lead.candidate, *ranking.metric)
    figure = headline(ranking.study, use_case, lead.candidate)
    others = [rating.candidate.scheme for rating in ranking.tied if rating is not lead]
    if lead.candidate.is_base:
        verb = "is" if len(others) == 1 else "are"
        alike = f"; {join(others)} {verb} indistinguishable from it" if others else ""
        return f"No scheme beats {scheme} in {GOALS[use_case]}: {figure}{alike}."
    quality = f" Its quality {quality_state(lead.candidate)}." if accepted(lead.candidate) else ""
    if ratio is not None and use_case != "memory" and not ratio.separated:
        quality = f" It is indistinguishable from the base in that.{quality}"
    if not others:
        return f"{scheme} has the {BEST[use_case]}: {figure}.{quality}"
    why = dict.fromkeys(finer(lead, rating) for rating in ranking.tied if rating is not lead)
    return (
        f"{join([scheme, *others])} share the {BEST[use_case]}. {scheme} comes first because it "
        f"{join(list(why))}: {figure}.{quality}"
    )


def headline(study: Study, use_case: UseCase, candidate: Candidate) -> str:
    """A candidate's figure for a use case, and what that is of the base's where they differ."""
    measure, name = metric(study, use_case)
    figure = candidate.figure(measure, name)
    if figure is None:
        return ""
    value = value_text(figure.value, figure.unit, measures.shown_in(measure, name))
    ratio = study.speed_up(candidate, measure, name)
    return f"{value} {_load(measure, use_case)}{_times(ratio, use_case)}"


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


def lost_reason(ranking: Ranking, rating: Rated, safest: Rated | None) -> str:
    """Why a candidate that passed the gates was not chosen."""
    if rating is ranking.lead:
        return f"leads, but its quality {quality_state(rating.candidate)}"
    winner = safest if safest is not None and rating not in ranking.tied else ranking.lead
    scheme = winner.candidate.scheme
    ratio = ranking.advantage(rating, winner)
    if ratio is None and rating in ranking.apart:
        return f"cannot be compared with {scheme}, no round has both and was quiet"
    if not ranking.separated(rating, winner):
        noise = _noise(ratio) if rating in ranking.rivals else ""
        return f"indistinguishable from {scheme}, {_preferred(winner, rating)}{noise}"
    if ratio is None:
        return f"not as good as {scheme}"
    if ratio.value <= 1:
        return f"{WORSE[ranking.use_case].format(_factor(ratio))} {scheme}"
    if not accepted(rating.candidate):
        return f"better than {scheme}, but its quality {quality_state(rating.candidate)}"
    return f"it ties with the best, as does {scheme}, {_preferred(winner, rating)}"


def _noise(ratio: Ratio | None) -> str:
    """How much better a rival may be, for all that was measured."""
    if ratio is None:
        return "; no quiet round has both"
    if ratio.high is None:
        return "; one load each has no interval"
    return f"; it may be up to {_better(ratio.high)}"


def _better(times: float) -> str:
    """How much better, as percent while those are a natural thing to say: `12 % better`."""
    return f"{percent(times - 1)} better" if times < 2 else f"{times:.1f} times better"


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


def undecided_sentence(ranking: Ranking, safest: Rated | None, sentence: str) -> str:
    """What is open, in words, and what to deploy meanwhile."""
    lead = ranking.lead
    open_ = [sentence]
    rivals = [rating.candidate.scheme for rating in ranking.rivals]
    if ranking.apart:
        names = join([lead.candidate.scheme, *(o.candidate.scheme for o in ranking.apart)])
        open_ = [
            f"{names} cannot be compared: no round has both and was quiet. Measure where nothing "
            "else runs."
        ]
    elif rivals and ranking.one_load:
        names = join([lead.candidate.scheme, *rivals])
        open_ = [f"{names} cannot be ranked by one load each: loads differ by themselves."]
    elif rivals:
        most = max(r.high or 0 for o in ranking.rivals if (r := ranking.advantage(o, lead)))
        open_.append(
            f"But for all that was measured {join(rivals, 'or')} may be up to "
            f"{_better(most)} than {lead.candidate.scheme}."
        )
    if not accepted(lead.candidate):
        open_.append(f"But its quality {quality_state(lead.candidate)}.")
        open_ += too_few_documents(lead.candidate)
    until = f" Until then {safest.candidate.scheme} is the safe choice." if safest else ""
    return f"Undecided. {' '.join(open_)}{until}"


def to_decide(ranking: Ranking) -> list[str]:
    """Commands that would settle what is open; none where the decision stands."""
    commands = []
    study, lead = ranking.study, ranking.lead.candidate
    apart = study.left_out and ranking.use_case != "memory"
    if ranking.rivals or apart or study.base is None or not study.base.performance:
        commands.append(measure_command(study))
    if not accepted(lead) and not too_few_documents(lead):
        commands.append(score_command(study, lead))
    return commands
