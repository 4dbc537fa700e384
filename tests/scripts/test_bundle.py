"""The air-gapped bundle: which vLLM, what is cut, parts below a size, and the real installer."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.errors import UserError
from scripts import bundle
from scripts.offline import collect, pack, resolve
from scripts.offline.resolve import Target

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
DEFAULTS = {
    "python": "3.12",
    "torch": None,
    "host_torch": None,
    "host_packages": None,
    "part_size": None,
    "lean": False,
    "platform": "x86_64-manylinux_2_35",
    "requirements": bundle.GPU,
    "dry_run": True,
}
TARGET = Target(python=HERE, platform="x86_64-manylinux_2_35")
UV_OUTPUT = """\
accelerate==1.15.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   -r common.in
    #   llmcompressor
nvidia-cublas==13.1.0.3 \\
    --hash=sha256:cc
    # via torch
sympy==1.14.0 \\
    --hash=sha256:dd
    # via torch
torch==2.11.0 \\
    --hash=sha256:ee
    # via
    #   -c gpu.txt
    #   accelerate
triton==3.6.0 \\
    --hash=sha256:ff
    # via
    #   torch
    #   xgrammar
"""


@pytest.mark.parametrize(
    ("torch", "vllm"),
    [("2.10.0", "0.19.1"), ("2.11.0", "0.26.0"), ("2.11.0+cu130", "0.26.0"), ("2.13.0", "0.32.0")],
)
def test_the_release_built_for_a_torch(torch: str, vllm: str) -> None:
    assert resolve.vllm_for(torch, "5.17.0", "3.12") == vllm


@pytest.mark.parametrize(("torch", "why"), [("2.9.1", "llmcompressor"), ("2.12.0", "2.13.0")])
def test_a_torch_without_release_is_refused(torch: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        resolve.vllm_for(torch, "5.17.0", "3.12")


def test_the_data_agree_with_the_lock() -> None:
    locked = resolve.pins(bundle.GPU.read_text())
    known = resolve.data()
    assert resolve.vllm_for(locked["torch"], locked["transformers"], "3.12") == locked["vllm"]
    assert known["compressor"]["llmcompressor"] == locked["llmcompressor"]
    assert set(known["lean"]) <= {*locked, "pynvvideocodec"}
    assert all(known["lean"].values())


def test_uvs_output_is_read_and_cut() -> None:
    packages = resolve.read(UV_OUTPUT)
    assert packages[0].hashes == ["--hash=sha256:aa", "--hash=sha256:bb"]
    assert packages[3].wanted_by == {"accelerate"}
    host = Target(python=HERE, platform="", torch="2.11.0", host_torch=True)
    names = resolve.on_host(packages, host)
    assert names == {"torch", "nvidia-cublas", "triton"}
    bundled, dropped = resolve.without(packages, names)
    assert [p.name for p in bundled] == ["accelerate"]
    assert "sympy" in {p.name for p in dropped}


def test_what_the_host_has_in_the_same_version_is_left_out() -> None:
    freeze = resolve.pins("accelerate==1.15.0\nSymPy==1.13.0\n# a comment\n-e git+x\n")
    host = Target(python=HERE, platform="", host_packages=freeze)
    assert resolve.on_host(resolve.read(UV_OUTPUT), host) == {"accelerate"}


@pytest.mark.parametrize(("text", "size"), [("60M", 60_000_000), ("1g", 10**9), ("5000", 5000)])
def test_sizes(text: str, size: int) -> None:
    assert pack.size(text) == size


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"part_size": "big"}, "60M"),
        ({"platform": "windows"}, "manylinux"),
        ({"torch": "host"}, "which PyTorch"),
        ({"torch": "host", "host_packages": Path("missing.txt")}, "cannot read"),
        ({"torch": "host", "host_torch": "1.0.0"}, "llmcompressor"),
        ({"torch": "2.11.0", "requirements": bundle.GPU.with_name("cpu.txt")}, "not for CUDA"),
    ],
)
def test_bad_input_is_said_before_work(tmp_path: Path, options: dict, why: str) -> None:
    with pytest.raises(UserError, match=why):
        bundle.main(tmp_path / "out", **{**DEFAULTS, **options})
    assert not (tmp_path / "out").exists()


def test_the_command_ends_with_exit_code_2(command) -> None:
    done = command("scripts/bundle.py", "out", "--torch", "host")
    assert done.returncode == 2 and done.stderr.count("error:") == 1


def wheel(folder: Path, name: str, code: str) -> None:
    """A pure Python wheel of one module."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A bundle of two little packages and this machine's pip, in parts of 300 kB."""
    wheels = tmp_path / "bundle" / "wheels"
    wheels.mkdir(parents=True)
    wheel(wheels, "one", "VALUE = 1\n")
    wheel(wheels, "two", "import one\nVALUE = one.VALUE + 1\n")
    shutil.copyfile(pip_wheel(), wheels / pip_wheel().name)
    listed = collect.installed_list(wheels)
    assert listed.count("--hash=sha256:") == 2
    pack.pack(wheels, listed, TARGET, tmp_path / "bundle", 300_000)
    return tmp_path / "bundle"


def pip_wheel() -> Path:
    """The pip that every Python carries for its virtual environments."""
    import ensurepip

    return next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))


def install(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    line = ["bash", str(folder / "install.sh"), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment, cwd=folder)


def test_parts_are_below_the_size_and_install_into_a_folder(packed: Path) -> None:
    sizes = [part.stat().st_size for part in sorted(packed.glob("bundle.tar.*"))]
    assert len(sizes) > 3 and max(sizes) <= 300_000
    done = install(packed, "--target", "libraries")
    assert done.returncode == 0, done.stderr
    line = [sys.executable, "-c", "import two; print(two.VALUE)"]
    environment = {"PYTHONPATH": str(packed / "libraries")}
    output = subprocess.run(line, capture_output=True, text=True, env=environment)
    assert output.stdout == "2\n", output.stderr


def test_it_installs_into_a_virtual_environment(packed: Path) -> None:
    done = install(packed, "environment")
    assert done.returncode == 0, done.stderr
    python = packed / "environment" / "bin" / "python"
    output = subprocess.run([python, "-c", "import two; print(two.VALUE)"], capture_output=True)
    assert output.stdout == b"2\n"
    assert (packed / "environment" / ".bundle").is_file()


def test_a_missing_or_damaged_part_installs_nothing(packed: Path) -> None:
    second = packed / "bundle.tar.002"
    data = second.read_bytes()
    second.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    damaged = install(packed, "--target", "libraries")
    assert damaged.returncode == 2 and "damaged" in damaged.stderr
    second.unlink()
    missing = install(packed, "--target", "libraries")
    assert missing.returncode == 2 and "bundle.tar.002" in missing.stderr
    assert not (packed / "libraries").exists()


def test_the_wrong_python_and_the_wrong_torch_are_refused(packed: Path, tmp_path: Path) -> None:
    text = (packed / "install.sh").read_text()
    (packed / "install.sh").write_text(text.replace(f'WANTED_PYTHON="{HERE}"', 'WANTED_PYTHON="2"'))
    assert "is for Python 2" in install(packed, "e").stderr
    (packed / "install.sh").write_text(text.replace('HOST_TORCH=""', 'HOST_TORCH="0.0.1"'))
    assert "PyTorch 0.0.1" in install(packed, "e").stderr


def test_the_same_wheels_make_the_same_parts(packed: Path) -> None:
    before = {p.name: p.read_bytes() for p in packed.glob("bundle.tar.*")}
    wheels = packed / "wheels"
    pack.pack(wheels, collect.installed_list(wheels), TARGET, packed, 300_000)
    assert {p.name: p.read_bytes() for p in packed.glob("bundle.tar.*")} == before
