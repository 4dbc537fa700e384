"""What an inspection finds, and the JSON that `analyze.py --json` and saved records hold of it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from checkpoints.consistency import Finding
from inspection import runtime
from inspection.numeric import WeightErrors
from inspection.overview import Overview
from inspection.runtime import Runtime
from inspection.sensitivity import Sensitivity
from inspection.target import Answer


@dataclass(frozen=True, kw_only=True)
class EngineRun:
    """What ran in the engine: the checkpoint and, where one was named, its base."""

    checkpoint: Runtime
    base: Runtime | None = None

    @property
    def agreement(self) -> float | None:
        """Share of the base's tokens that come out the same before the first difference."""
        return runtime.agreement(self.checkpoint, self.base) if self.base else None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **self.checkpoint.as_json(),
            "base_answers": self.base.answers if self.base else None,
            "agreement": self.agreement,
        }


@dataclass(kw_only=True)
class Inspection:
    """What was found about one checkpoint or scheme; None or empty: not looked at."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    overview: Overview | None = None
    numeric: WeightErrors | None = None
    sensitivity: Sensitivity | None = None
    targets: list[Answer] = field(default_factory=list)
    runtime: EngineRun | None = None

    def add_finding(self, kind: str, reason: str) -> None:
        """Add a finding about the whole checkpoint."""
        self.findings.append(Finding(kind, "", reason))

    def as_json(self) -> dict[str, Any]:
        """Plain data; what was not looked at is left out."""
        document: dict[str, Any] = {
            "name": self.name,
            "findings": [asdict(finding) for finding in self.findings],
        }
        if self.overview:
            document["overview"] = self.overview.as_json()
        if self.numeric:
            document["numeric"] = self.numeric.as_json()
        if self.sensitivity:
            document["sensitivity"] = self.sensitivity.as_json()
        if self.targets:
            document["targets"] = [answer.as_json() for answer in self.targets]
        if self.runtime:
            document["runtime"] = self.runtime.as_json()
        return document
