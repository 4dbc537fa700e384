"""How to compress, as the command line takes it."""

from dataclasses import dataclass
from typing import Annotated

from checkpoints import models
from core import plugins
from core.options import Seed, TrustRemoteCode, option

Samples = Annotated[int, option("documents to calibrate on", min=1)]
Length = Annotated[int, option("tokens kept of each document", min=1)]
CalibrationSource = Annotated[
    str | None, option(f"{', '.join(plugins.names('corpora'))} or FILE.jsonl with messages or text")
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to compress. `calibration` is a corpus name or a JSONL file; None picks one."""

    num_calibration_samples: Samples = 512
    max_sequence_length: Length = 2048
    calibration: CalibrationSource = None
    ignore: Annotated[
        tuple[str, ...], option("more layers to leave out than the scheme's: a name, or re:...")
    ] = ()
    seed: Seed = 0
    trust_remote_code: TrustRemoteCode = False

    def corpus(self, model_id: str) -> str:
        """The corpus to calibrate on: the demo model has its own, others take UltraChat."""
        return self.calibration or ("demo" if model_id == models.DEMO else "ultrachat")
