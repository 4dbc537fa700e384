"""What `analyze.py` costs: time and memory for the headers of 8B and 70B models, and per layer.

    python scripts/bench_analyze.py

Writes checkpoints of Llama's shapes whose data are holes in the file (sparse, nothing is stored),
inspects each in a fresh process, then compares one whole layer with its base. Prints one line each.
"""

import json
import math
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from checkpoints.headers import DTYPE_BITS  # noqa: E402

SHAPES = {"8B": (32, 4096, 14336, 1024), "70B": (80, 8192, 28672, 1024)}
SHARD = 5 << 30  # bytes a file has at the most
Header = dict[str, tuple[str, tuple[int, ...]]]
INT4: dict[str, object] = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128},
        }
    },
}


def linears(name: str) -> dict[str, tuple[int, int]]:
    """Llama 3's linear layers: (outputs, inputs)."""
    layers, hidden, inner, kv = SHAPES[name]
    shapes = {}
    for n in range(layers):
        root = f"model.layers.{n}"
        for part, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            shapes[f"{root}.self_attn.{part}_proj"] = (rows, hidden)
        shapes[f"{root}.mlp.gate_proj"] = shapes[f"{root}.mlp.up_proj"] = (inner, hidden)
        shapes[f"{root}.mlp.down_proj"] = (hidden, inner)
    return shapes


def headers(name: str, packed: bool) -> Header:
    """Every tensor of the model, in BF16 or as INT4-W4A16."""
    layers, hidden, _, _ = SHAPES[name]
    tensors: Header = {}
    for module, (rows, columns) in linears(name).items():
        if packed:
            tensors[f"{module}.weight_packed"] = ("I32", (rows, columns // 8))
            tensors[f"{module}.weight_scale"] = ("BF16", (rows, columns // 128))
            tensors[f"{module}.weight_shape"] = ("I64", (2,))
        else:
            tensors[f"{module}.weight"] = ("BF16", (rows, columns))
    for n in range(layers):
        for norm in ("input", "post_attention"):
            tensors[f"model.layers.{n}.{norm}_layernorm.weight"] = ("BF16", (hidden,))
    for table in ("model.embed_tokens", "lm_head"):
        tensors[f"{table}.weight"] = ("BF16", (128256, hidden))
    return tensors


def write(folder: Path, name: str, tensors: Header, declared: dict[str, object] | None) -> Path:
    """A checkpoint in shards whose data are holes, but for the stored shapes."""
    folder.mkdir()
    config: dict[str, object] = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    quantized = {"quantization_config": declared} if declared else {}
    config = {**config, "tie_word_embeddings": False, **quantized}
    (folder / "config.json").write_text(json.dumps(config))
    shards: list[Header] = [{}]
    for tensor, entry in tensors.items():
        if sum(map(_bytes, shards[-1].values())) + _bytes(entry) > SHARD:
            shards.append({})
        shards[-1][tensor] = entry
    index: dict[str, str] = {}
    for number, shard in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        _write_shard(folder / file, shard, linears(name))
        index |= dict.fromkeys(shard, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return folder


def _bytes(entry: tuple[str, tuple[int, ...]]) -> int:
    return math.prod(entry[1]) * DTYPE_BITS[entry[0]] // 8


def _write_shard(path: Path, shard: Header, sizes: dict[str, tuple[int, int]]) -> None:
    header, place, values = {}, 0, []
    for tensor, entry in shard.items():
        end = place + _bytes(entry)
        header[tensor] = {"dtype": entry[0], "shape": entry[1], "data_offsets": [place, end]}
        if tensor.endswith("weight_shape"):
            values.append((place, struct.pack("<2q", *sizes[tensor.rpartition(".")[0]])))
        place = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for begin, value in values:
            file.seek(8 + len(text) + begin)
            file.write(value)
        file.truncate(8 + len(text) + place)


READ = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import rich.table, typer
from checkpoints import checkpoint, truth
from inspection.overview import overview
started = time.perf_counter()
these = truth.layers(checkpoint.read(Path(sys.argv[2])))
overview(these)
headers_s = time.perf_counter() - started
findings = truth.examine(these)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(len(these.checkpoint.tensors), headers_s, time.perf_counter() - started, peak, len(findings))
"""
COMPARE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from checkpoints import checkpoint, truth
from inspection import decompress, numeric
these = truth.layers(checkpoint.read(Path(sys.argv[2])))
base = checkpoint.read(Path(sys.argv[3]))
codecs = decompress.codecs(these)
names = list(these.modules)
def layer(name):
    module = these.modules[name]
    group = these.group_of(module)
    numeric.layer_error(these, base, module, group, codecs[group])
    other = base.by_name[name + ".weight"]
    return module.nbytes + other.nbytes
layer("model.layers.0.self_attn.k_proj")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
pair = layer("model.layers.1.mlp.down_proj")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(pair / 2**20, before, after)
"""


def run(code: str, *arguments: Path) -> list[float]:
    """The numbers a fresh process prints."""
    line = [sys.executable, "-c", code, str(ROOT), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as top:
        for name in SHAPES:
            packed = write(Path(top) / f"{name}-INT4", name, headers(name, True), INT4)
            base = write(Path(top) / name, name, headers(name, False), None)
            for folder in (base, packed):
                tensors, headers_s, all_s, peak, _ = run(READ, folder)
                print(
                    f"{folder.name:10} {tensors:6.0f} tensors: headers {headers_s:.3f} s, with the "
                    f"truth test {all_s:.3f} s, peak {peak:.0f} MiB",
                    flush=True,
                )
            started = time.perf_counter()
            pair, before, after = run(COMPARE, packed, base)
            print(
                f"{packed.name:10} down_proj against the base: the pair of tensors is {pair:.0f} "
                f"MiB, peak {after:.0f} MiB of which {before:.0f} before (torch and a small layer);"
                f" {time.perf_counter() - started:.1f} s with imports",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"this script itself: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
