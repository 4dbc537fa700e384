"""The base model on calibration text, into which a checkpoint's layers are put one by one.

Inputs and outputs of every decoder layer are kept from one run of the base. A layer of the
checkpoint can then run on exactly what the base's layer saw, and a changed layer's effect on the
answers is found by running only what comes after it. The base is in memory whole.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from checkpoints import loading
from checkpoints.checkpoint import DECODER
from checkpoints.truth import Layers
from core.errors import UserError
from inspection import decompress
from inspection.blocks import Blocks
from inspection.decompress import Codec
from inspection.tensors import read_rows

TokenRows = list[list[int]]


class Reference:
    """A loaded base, its decoder layers by name, and what it computes on `rows` of token ids."""

    def __init__(self, base: Path, rows: TokenRows, trust_remote_code: bool) -> None:
        import torch
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.device = torch.accelerator.current_accelerator() or torch.device("cpu")
        model = loading.load(base, trust_remote_code)
        self.model = model.eval().to(self.device)
        self.rows = [torch.tensor([row], device=self.device) for row in rows]
        self.layers: dict[str, Any] = _decoder_layers(self.model, base)
        self.inputs: dict[str, list[Any]] = {name: [] for name in self.layers}
        self.outputs: dict[str, list[Any]] = {name: [] for name in self.layers}
        self.rests: dict[str, tuple[None, ...] | None] = {}  # of layers that return tuples
        with self._recording():
            self.answers = self.log_probabilities()

    def place(self, stored: str) -> str:
        """A module's name in the model; models of several parts have others on disk."""
        match = DECODER.match(stored)
        if match is None:
            return stored
        layers = next(iter(self.layers)).rpartition(".")[0]
        return f"{layers}.{match[2]}.{stored[match.end() :]}"

    def log_probabilities(self) -> list[Any]:
        """Log-probabilities of every next token, one (tokens, vocabulary) matrix a row."""
        import torch

        with torch.no_grad():
            return [
                self.model(row, use_cache=False).logits[0].float().log_softmax(-1)
                for row in self.rows
            ]

    def divergence(self, first: str) -> float:
        """Mean KL(base || model as it is) per token in nats; before `first` nothing changed."""
        with self._remembering(first):
            changed = self.log_probabilities()
        tokens = sum(len(row) for row in changed)
        pairs = zip(self.answers, changed, strict=True)
        return float(sum((b.exp() * (b - c)).sum() for b, c in pairs)) / tokens

    def output_error(self, name: str) -> tuple[float, float]:
        """(squared error, squared norm) of one decoder layer's outputs on the base's inputs."""
        import torch

        error = norm = 0.0
        with torch.no_grad():
            pairs = zip(self.inputs[name], self.outputs[name], strict=True)
            for (arguments, options), expected in pairs:
                output = _hidden(self.layers[name](*arguments, **options))
                error += float((output.float() - expected.float()).square().sum())
                norm += float(expected.float().square().sum())
        return error, norm

    @contextlib.contextmanager
    def _recording(self) -> Iterator[None]:
        def record(name: str) -> Callable[..., None]:
            def hook(_: Any, arguments: Any, options: Any, output: Any) -> None:
                self.inputs[name].append((arguments, options))
                self.outputs[name].append(_hidden(output).clone())
                tuple_ = isinstance(output, tuple)
                self.rests[name] = (None,) * (len(output) - 1) if tuple_ else None

            return hook

        hooks = [
            layer.register_forward_hook(record(name), with_kwargs=True)
            for name, layer in self.layers.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextlib.contextmanager
    def _remembering(self, first: str) -> Iterator[None]:
        """Layers before `first` give the outputs they gave before, without computing."""
        names = list(self.layers)
        before = names[: names.index(first)]
        for name in before:
            rest = self.rests[name]
            answers = iter(
                self.outputs[name]
                if rest is None
                else [(hidden, *rest) for hidden in self.outputs[name]]
            )
            self.layers[name].forward = lambda *_, _answers=answers, **__: next(_answers)
        try:
            yield
        finally:
            for name in before:
                del self.layers[name].forward

    @contextlib.contextmanager
    def with_layers(
        self, names: list[str], layers: Layers, codecs: dict[Any, Codec | Blocks]
    ) -> Iterator[None]:
        """The checkpoint's versions of these modules in place of the base's, within the block.

        Weights are decompressed, activations quantized as the checkpoint declares.
        """
        with contextlib.ExitStack() as stack:
            for name in names:
                target = self.model.get_submodule(self.place(name))
                stack.enter_context(_replaced(target, name, layers, codecs))
            yield


def _decoder_layers(model: Any, base: Path) -> dict[str, Any]:
    """The decoder layers by name: the longest list of modules.

    In a model of several parts it is the language model's, whatever its length.
    """
    import torch

    lists = [(n, m) for n, m in model.named_modules() if isinstance(m, torch.nn.ModuleList)]
    if not lists:
        raise UserError(f"{base}: its layers are in no list, so they cannot be run one by one")
    text = [(n, m) for n, m in lists if DECODER.match(f"{n}.0.")]
    name, longest = max(text or lists, key=lambda item: len(item[1]))
    return {f"{name}.{number}": layer for number, layer in enumerate(longest)}


def _hidden(output: Any) -> Any:
    """The hidden states of what a decoder layer returns."""
    return output[0] if isinstance(output, tuple) else output


@contextlib.contextmanager
def _replaced(
    target: Any, name: str, layers: Layers, codecs: dict[Any, Codec | Blocks]
) -> Iterator[None]:
    """One module (`target`) with the checkpoint's tensors within the block."""
    import torch

    module = layers.modules[name]
    group = layers.group_of(module)
    before = {key: parameter.data for key, parameter in target.named_parameters(recurse=False)}
    hook = None
    with torch.no_grad():
        for key, tensor in module.tensors.items():
            if key in before and not (key == "weight" and module.compressed):
                _put(target, key, read_rows(layers.checkpoint, tensor), before[key])
        if module.compressed and group is not None:
            whole = decompress.weight(layers, module, group, codecs[group])
            _put(target, "weight", whole, before["weight"])
            hook = _quantizing(target, module, layers, codecs[group].scheme)
    try:
        yield
    finally:
        for key, data in before.items():
            getattr(target, key).data = data
        if hook is not None:
            hook.remove()


def _put(target: Any, key: str, value: Any, like: Any) -> None:
    """Set a parameter; device and dtype are those of `like`, and the shape must be."""
    if value.shape != like.shape:
        raise UserError(
            f"{key} is {list(value.shape)}, the base's {list(like.shape)}: another model"
        )
    getattr(target, key).data = value.to(device=like.device, dtype=like.dtype)


def _quantizing(target: Any, module: Any, layers: Layers, scheme: Any) -> Any:
    """A hook that rounds a layer's inputs as the engine will, None where they stay as they are."""
    if scheme is None or scheme.input_activations is None:
        return None
    import torch
    from compressed_tensors.quantization import QuantizationStatus
    from compressed_tensors.quantization.lifecycle.forward import forward_quantize

    holder = torch.nn.Module()
    holder.quantization_status = QuantizationStatus.FROZEN
    holder.quantization_scheme = scheme
    like = target.weight
    for suffix, tensor in module.tensors.items():
        if suffix.startswith("input_"):
            value = read_rows(layers.checkpoint, tensor).to(like.device)
            holder.register_buffer(suffix, value)

    def quantize(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        first = forward_quantize(holder, arguments[0], "input", scheme.input_activations)
        return (first, *arguments[1:])

    return target.register_forward_pre_hook(quantize)
