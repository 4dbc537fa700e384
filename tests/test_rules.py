"""The house rules: imports point down, listing is light, plug-ins are whole."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from core import plugins
from core.corpus import Corpus
from core.engine import Engine
from core.measure import Measure
from core.scheme import Scheme

ROOT = plugins.ROOT
ROOMS = ("schemes", "corpora", "engines", "measures", "inspection", "reporting")
COMMANDS = sorted(f.name for f in ROOT.glob("*.py"))
HEAVY = ("torch", "transformers", "vllm", "llmcompressor", "datasets", "lm_eval", "numpy", "scipy")


def sources() -> list[Path]:
    return [f for room in (*ROOMS, "core") for f in sorted((ROOT / room).glob("*.py"))]


def imported(path: Path) -> set[str]:
    """First parts of every absolute import in a file, those inside functions too."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_imports_point_down(path: Path) -> None:
    room = path.parent.name
    commands = {name.removesuffix(".py") for name in COMMANDS}
    allowed = {"core"} if room == "core" else {"core", room}
    ours = imported(path) & ({*ROOMS, "core", "scripts", "tests"} | commands)
    assert ours <= allowed, f"{path} imports {sorted(ours - allowed)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_imports_nothing_heavy(name: str) -> None:
    code = (
        "import sys, runpy; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path({str(ROOT / name)!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stdout.strip().endswith("[]"), done.stdout[-200:]


@pytest.mark.parametrize(
    ("room", "kind"),
    [("schemes", Scheme), ("corpora", Corpus), ("measures", Measure)],
)
def test_every_plugin_is_whole(room: str, kind: type) -> None:
    for name in plugins.names(room):
        plugin = plugins.load(room, name)
        assert isinstance(plugin, kind), name
        assert plugin.summary, name


def test_every_engine_is_one() -> None:
    for name in plugins.names("engines"):
        engine = plugins.load("engines", name)
        assert issubclass(engine, Engine) and engine.name == name


def test_no_name_of_ours_shadows_an_installed_module() -> None:
    ours = [Path(name).stem for name in COMMANDS] + [*ROOMS, "core"]
    others = [p for p in sys.path if p and Path(p).resolve() != ROOT]
    for name in ours:
        found = importlib.machinery.PathFinder.find_spec(name, others)
        assert found is None or found.origin is None, f"{name} shadows {found}"


def test_listing_names_imports_nothing() -> None:
    code = (
        "from core import plugins; import sys; plugins.names('schemes'); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "core.plugins" in done.stdout
    assert "schemes" not in done.stdout


def test_every_module_says_what_it_is_for() -> None:
    for path in [*sources(), *(ROOT / name for name in COMMANDS)]:
        assert ast.get_docstring(ast.parse(path.read_text())), path
