"""`analyze.py` without an engine or a library: what it prints, its exit codes, what it refuses."""

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import analyze
from checkpoints import checkpoint, truth
from inspection import target
from tests import models
from tests.checkpoints import test_methods

DOWN = "model.layers.0.mlp.down_proj"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command in this process, in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(analyze.app, list(arguments))


@pytest.fixture
def int4(tmp_path: Path) -> Path:
    shapes, values = models.int4_shapes()
    return models.write_model(
        tmp_path / "tiny-INT4", shapes, values, quantization_config=models.INT4_DECLARED
    )


def test_one_good_checkpoint(command, int4: Path) -> None:
    done = command("analyze.py", "tiny-INT4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("tiny-INT4  as declared")
    assert "W4A16: weights INT4 group 128, activations stay 16-bit" in done.stdout
    assert len(done.stdout.splitlines()) < 25


def test_json_has_the_figures(run, int4: Path) -> None:
    (result,) = json.loads(run("tiny-INT4", "--json").stdout)
    overview = result["overview"]
    weights = 4 * 128 * 128 + 3 * 128 * 256
    packed = weights // 2 + weights // 128 * 2 + 7 * 16
    rest = 2 * (32 * 128 * 2 + 128)
    assert overview["nbytes"] == packed + rest
    assert overview["quantized_bits_per_weight"] == pytest.approx(packed * 8 / weights)
    assert overview["bytes_by_dtype"]["I32"] == weights // 2
    assert overview["compression"] == pytest.approx((2 * weights + rest) / (packed + rest))
    assert result["findings"] == []


def test_a_broken_one_is_named(run, int4: Path) -> None:
    file = int4 / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"q_proj.weight_scale", b"q_proj.weight_scola"))
    done = run("tiny-INT4")
    assert done.exit_code == 1
    assert "model.layers.0.self_attn.q_proj: has no weight_scale" in done.stdout


def test_a_truncated_shard_is_named(run, int4: Path) -> None:
    file = int4 / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    done = run("tiny-INT4")
    assert done.exit_code == 1 and "model.safetensors: truncated" in done.stdout


def test_without_arguments_all_are_listed(run, base: Path, int4: Path, tmp_path: Path) -> None:
    (tmp_path / "no_checkpoint").mkdir()
    (int4 / "config.json").write_text("{")
    done = run()
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["tiny", "tiny-INT4"]
    assert "demo" not in done.stdout and "analyze.py tiny` shows one in full" in done.stderr
    assert "not valid JSON" in done.stdout


def test_same_findings_share_a_line_unless_all_are_asked(run, tmp_path: Path) -> None:
    models.write_model(tmp_path / "m", quantization_config=models.INT4_DECLARED)
    done = run("m")
    assert "and 6 more: stored as BF16, declared W4A16, INT4 group 128" in done.stdout
    assert run("m", "--all").stdout.count("stored as BF16") == 7


def test_the_base_s_shapes_and_size(run, base: Path, tmp_path: Path) -> None:
    models.write_model(tmp_path / "c", {"lm_head.weight": ("BF16", (32, 128))})
    done = run("c", "--base", "tiny")
    assert done.exit_code == 1
    assert "the base has this layer, the checkpoint has not" in done.stdout


TARGETS = [
    ("INT8-W8A8", "sm_80", 0, "native"),
    ("INT8-W8A8", "sm_100", 1, "no kernel"),
    ("FP8-W8A8", "sm_80", 0, "fallback"),
    ("int4_w4afp8", "sm_90a", 0, "native"),
    ("INT8-W8A8", "cpu", 0, "native"),
    ("INT8-W8A16", "cpu", 1, "no kernel"),
]


@pytest.mark.parametrize(("scheme", "target", "code", "word"), TARGETS)
def test_targets_of_schemes(run, scheme: str, target: str, code: int, word: str) -> None:
    done = run(scheme, "--target", target)
    assert (done.exit_code, f": {word}," in done.stdout) == (code, True), done.stdout


SPLITS = [
    (1, None),
    (2, "down_proj (1 layers): 256 inputs over 2 GPUs are 128, no multiple of 256"),
    (3, "8 attention heads do not divide by 3"),
    (8, "o_proj (1 layers): 128 inputs over 8 GPUs are 16, no multiple of 128"),
]


@pytest.mark.parametrize(("parts", "sentence"), SPLITS)
def test_groups_over_gpus(int4: Path, parts: int, sentence: str | None) -> None:
    declared = copy.deepcopy(models.INT4_DECLARED)
    if parts == 2:
        declared["config_groups"]["group_0"]["weights"]["group_size"] = 256
    config = {**models.CONFIG, "num_attention_heads": 8, "quantization_config": declared}
    (int4 / "config.json").write_text(json.dumps(config))
    problems = list(target.split_problems(truth.layers(checkpoint.read(int4)), parts))
    assert sentence in problems if sentence else problems == []


FOREIGN = [
    ("gptq", "INT4-W4A16"), ("awq", "INT4-W4A16-AWQ"), ("fp8 blocks", "FP8-W8A8-BLOCK"),
    ("fp8 static", "FP8-W8A8"), ("fbgemm", "FP8-W8A8"), ("modelopt", "NVFP4"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "scheme"), FOREIGN)
def test_others_checkpoints_have_the_kernels_of_ours(
    tmp_path: Path, method: str, scheme: str
) -> None:
    layers = truth.layers(checkpoint.read(test_methods.write(tmp_path / "c", method)))
    answer = target.answer(layers, "sm_90", 1)
    assert answer.alike == scheme and answer.runs


def test_a_scheme_is_nearest_to_itself(tmp_path: Path) -> None:
    base = models.write_model(tmp_path / "b")
    layers = truth.layers(checkpoint.read(models.write_compressed(tmp_path / "c", base)))
    assert layers.declared is not None
    assert target.nearest(layers.declared.groups[0]) == "FP8-W8A8"


BAD_INPUT = [
    (["nowhere"], "no model folder"),
    (["tiny", "--base", "nowhere"], "no model folder"),
    (["tiny", "--base", "tiny-INT4"], "is compressed ('pack-quantized') and cannot be a base"),
    (["INT8-W8A8"], "INT8-W8A8 is a scheme and no checkpoint: add --target"),
    (["."], ". is no checkpoint but holds some (tiny, tiny-INT4)"),
    (["tiny", "--sensitivity"], "give it with --base"),
    (["tiny", "--target", "h100"], "there is no target 'h100'"),
    (["tiny", "--engine", "vlm"], "Did you mean vllm"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT)
def test_bad_input(run, base: Path, int4: Path, arguments: list[str], sentence: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2, done.stdout + done.stderr
    assert sentence in done.stderr and "Traceback" not in done.stderr


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


def test_pickles_are_refused_and_never_opened(run, base: Path, tmp_path: Path) -> None:
    (base / "model.safetensors").unlink()
    (base / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    done = run("tiny")
    assert done.exit_code == 2 and "pickles can run code" in done.stderr
    assert not (tmp_path / "exploded").exists()


def test_terminal_codes_in_names_are_not_sent_to_the_terminal(command, tmp_path: Path) -> None:
    declared = {"quant_method": "\x1b]0;owned\x07[red]"}
    models.write_model(tmp_path / "m", quantization_config=declared, architectures=["\ud800\x1b"])
    done = command("analyze.py", "m")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout and "\\x1b]0;" in done.stdout
    (printed,) = json.loads(command("analyze.py", "m", "--json").stdout)
    assert printed["overview"]["method"] == declared["quant_method"]


def test_one_that_is_none_spoils_no_other(run, base: Path, int4: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("empty", "tiny-INT4", "nowhere", "--json")
    assert done.exit_code == 1
    empty, good, nowhere = json.loads(done.stdout)
    findings = empty["findings"] + nowhere["findings"]
    assert [finding["kind"] for finding in findings] == ["refused"] * 2
    assert good["findings"] == [] and good["overview"]


def test_text_that_is_not_there_is_refused_before_work(run, base: Path, int4: Path) -> None:
    done = run("tiny-INT4", "--base", "tiny", "--sensitivity", "--calibration", "no.jsonl")
    assert done.exit_code == 2 and "no.jsonl: there is no such file" in done.stderr


def test_a_folder_called_demo_does_not_hide_the_demo_model(run, tmp_path: Path) -> None:
    models.write_model(tmp_path / "demo" / "model")
    done = run("demo", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)[0]["overview"]["parameters"] > 1_000_000


def test_of_a_scheme_it_is_said_once_whether_it_runs(run) -> None:
    assert run("NVFP4", "--target", "sm_80").stdout.startswith("NVFP4  runs on sm_80: fallback\n")
    output = run("INT8-W8A8", "--target", "sm_100").stdout
    assert output.startswith("INT8-W8A8  will not run on sm_100: no kernel\n")
    assert output.count("needs compute capability") == 1 and "this GPU" not in output


def test_what_stands_in_the_way_is_not_called_native(run, tmp_path: Path) -> None:
    folder = test_methods.write(tmp_path / "c", "gptq")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_attention_heads": 8}))
    done = run("c", "--target", "sm_90", "--tensor_parallel_size", "3")
    assert done.exit_code == 1
    assert "on 3 GPUs: will not run, though kernels are native" in done.stdout
    assert done.stdout.count("8 attention heads do not divide by 3") == 1


def test_a_dense_one_is_not_called_smaller(run, base: Path) -> None:
    assert "smaller" not in run("tiny").stdout


def test_small_tensors_have_their_size_in_bytes(run, int4: Path) -> None:
    assert "I64 112 B" in run("tiny-INT4").stdout
