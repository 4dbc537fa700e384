"""Which scheme to deploy: gates first, then the best that loads tell apart from the next.

The rule (docs/report.md): a scheme that was not served, failed its quality gate or does not fit the
memory budget is out, whatever its speed. Of the others the best wins for a use case; those that are
indistinguishable from it tie, and ties go to the least lossy, then the simplest. It is decided when
no other may be better by more than 5 %, and a compressed scheme wins only when its quality
*passed*: otherwise the outcome is undecided and says what would decide it. Everything here is a
pure function of records.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.records import Record
from core.words import join
from reporting.deciding import reasons
from reporting.deciding import study as studies
from reporting.deciding.candidate import BASE
from reporting.deciding.commands import measure_command, serve_command
from reporting.deciding.gates import accepted, gate, too_large
from reporting.deciding.ranking import USE_CASES, Ranking, Rated, UseCase, metric
from reporting.deciding.study import Study

if TYPE_CHECKING:
    from quality.comparison import Margin


@dataclass(frozen=True, kw_only=True)
class Loser:
    """A scheme that was not chosen, and why."""

    scheme: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The decision for one use case.

    `decided`: deploy `winner`; None where no scheme fits the memory budget. Otherwise `winner` is
    what is safe to deploy meanwhile (None when nothing is), and `to_decide` are commands that would
    settle it. `measure` and `figure` are what was compared, `headline` is the winner's in words.
    """

    use_case: UseCase
    decided: bool
    winner: str | None
    sentence: str
    losers: list[Loser] = field(default_factory=list)
    to_decide: list[str] = field(default_factory=list)
    command: str | None = None
    measure: str = ""
    figure: str = ""
    headline: str = ""

    @property
    def lost(self) -> list[tuple[str, str]]:
        """Losers with the same reason together: names, and the reason."""
        grouped: dict[str, list[str]] = {}
        for loser in self.losers:
            grouped.setdefault(loser.reason, []).append(loser.scheme)
        return [(join(names), reason) for reason, names in grouped.items()]


def decide(study: Study, use_case: UseCase, budget: int | None = None) -> Outcome:
    """The outcome for one use case; `budget` is the memory in bytes that a scheme must fit."""
    rated, losers = rate(study, use_case, budget)
    losers += [Loser(scheme=name, reason=reason) for name, reason in study.elsewhere.items()]
    outcome = _choose(study, use_case, rated, losers)
    tight = too_large(study, budget) if budget is not None else None
    if tight is not None:
        outcome = replace(outcome, decided=True, sentence=tight, to_decide=[])
    return _finish(study, outcome, *metric(study, use_case), budget)


def rate(
    study: Study, use_case: UseCase, budget: int | None = None
) -> tuple[list[Rated], list[Loser]]:
    """The candidates that pass the gates with their figure, and the others with the reason."""
    measure, name = metric(study, use_case)
    losers: list[Loser] = []
    rated: list[Rated] = []
    for candidate in study.candidates:
        reason = gate(candidate, budget)
        figure = candidate.figure(measure, name)
        if figure is None and candidate.scheme in study.left_out:
            reason = f"is not compared: {study.left_out[candidate.scheme]}"
        if reason is None and figure is None:
            why = candidate.problem(measure) or "was not measured"
            reason = f"{reasons.GOALS[use_case]} is not known: {why}"
        if reason is not None or figure is None:
            losers.append(Loser(scheme=candidate.scheme, reason=reason or ""))
        else:
            rated.append(Rated(candidate, figure))
    return rated, losers


def _choose(study: Study, use_case: UseCase, rated: list[Rated], losers: list[Loser]) -> Outcome:
    """The winner among those that passed the gates, everybody else with a reason."""
    if not rated:
        return Outcome(
            use_case=use_case,
            decided=False,
            winner=None,
            losers=losers,
            sentence="Undecided: there is nothing to compare.",
            to_decide=[measure_command(study)],
        )
    ranking = Ranking(study, use_case, rated)
    lead = ranking.lead
    safe = [each for each in rated if accepted(each.candidate)]
    safest = lead if lead in safe else ranking.winner(safe) if safe else None
    commands = reasons.to_decide(ranking)
    losers += [
        Loser(scheme=each.candidate.scheme, reason=reasons.lost_reason(ranking, each, safest))
        for each in rated
        if each is not safest
    ]
    sentence = reasons.lead_sentence(ranking)
    decided = not commands and not ranking.rivals and accepted(lead.candidate)
    if not decided:
        sentence = reasons.undecided_sentence(ranking, safest, sentence)
    return Outcome(
        use_case=use_case,
        decided=decided,
        losers=losers,
        to_decide=commands,
        winner=safest.candidate.scheme if safest else None,
        sentence=sentence,
    )


def _finish(study: Study, outcome: Outcome, measure: str, name: str, budget: int | None) -> Outcome:
    """Add the command and what was compared."""
    chosen = next((c for c in study.candidates if c.scheme == outcome.winner), None)
    command = serve_command(chosen, budget, study.here) if chosen else None
    said = reasons.headline(study, outcome.use_case, chosen) if chosen else ""
    return replace(outcome, command=command, measure=measure, figure=name, headline=said)


def contenders(records: list[Record], margins: "dict[str, Margin] | None" = None) -> set[str]:
    """Schemes further rounds may still rank: of a run's records leaders, rivals, and the base.

    Empty where every use case is decided, as far as rounds can decide it.
    """
    run = studies.of_records(records, margins)
    schemes: set[str] = set()
    for use_case in USE_CASES:
        rated, _ = rate(run, use_case)
        ranking = Ranking(run, use_case, rated)
        if rated and ranking.rivals:
            open_ = [ranking.lead, *ranking.rivals]
            schemes |= {BASE, *(rating.candidate.scheme for rating in open_)}
    return schemes
