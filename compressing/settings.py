"""How to compress, as the command line takes it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Annotated

from checkpoints import models
from core import plugins
from core.errors import UserError
from core.options import Seed, TrustRemoteCode, option
from core.scheme import BitsAndBytes, Scheme

Samples = Annotated[int, option("documents to calibrate on", min=1)]
Length = Annotated[int, option("tokens kept of each document", min=1)]
CalibrationSource = Annotated[
    str | None, option(f"{', '.join(plugins.names('corpora'))} or FILE.jsonl with messages or text")
]


BITSANDBYTES = {  # options of its 4-bit schemes, and what they may be
    "bnb_4bit_compute_dtype": ("float32", "float16", "bfloat16"),
    "bnb_4bit_use_double_quant": ("true", "false"),
}
NESTED = 256  # scales that share one where they are quantized too


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to compress. `calibration` is a corpus name or a JSONL file; None picks one.

    Options of bitsandbytes' 4-bit schemes go by its own names; None is the base's dtype, and what
    the scheme says.
    """

    num_calibration_samples: Samples = 512
    max_sequence_length: Length = 2048
    calibration: CalibrationSource = None
    ignore: Annotated[
        tuple[str, ...], option("more layers to leave out than the scheme's: a name, or re:...")
    ] = ()
    bnb_4bit_compute_dtype: Annotated[
        str | None, option("BNB-NF4, BNB-FP4: multiply in float32, float16 or bfloat16")
    ] = None
    bnb_4bit_use_double_quant: Annotated[
        str | None, option("BNB-NF4, BNB-FP4: true or false, whether scales are quantized too")
    ] = None
    seed: Seed = 0
    trust_remote_code: TrustRemoteCode = False

    def corpus(self, model_id: str) -> str:
        """The corpus to calibrate on: the demo model has its own, others take UltraChat."""
        return self.calibration or ("demo" if model_id == models.DEMO else "ultrachat")

    def applied(self, scheme: Scheme) -> Scheme:
        """The scheme as these settings change it: without double quantization it stores more."""
        nested = NESTED if self.bnb_4bit_use_double_quant == "true" else None
        if self.bnb_4bit_use_double_quant is None or not _four_bits(scheme):
            return scheme
        return replace(scheme, storage=replace(scheme.storage, nested=nested))

    def of_scheme(self, scheme: Scheme) -> tuple[str, ...]:
        """Names of the settings that a checkpoint of the scheme depends on."""
        if scheme.calibration:
            return tuple(field.name for field in fields(self) if field.name not in BITSANDBYTES)
        return ("ignore", *BITSANDBYTES) if _four_bits(scheme) else ("ignore",)

    def must_suit(self, schemes: Iterable[Scheme]) -> None:
        """Raise `UserError` for options of bitsandbytes that are wrong, or that no scheme has."""
        given = [name for name in BITSANDBYTES if getattr(self, name) is not None]
        if given and not any(map(_four_bits, schemes)):
            raise UserError(f"--{given[0]} belongs to BNB-NF4 and BNB-FP4: no other scheme has it")
        for name in given:
            if getattr(self, name) not in BITSANDBYTES[name]:
                known = ", ".join(BITSANDBYTES[name])
                raise UserError(f"--{name} {getattr(self, name)!r}: there are {known}")


def _four_bits(scheme: Scheme) -> bool:
    return isinstance(scheme.recipe, BitsAndBytes) and scheme.weight_bits == 4
