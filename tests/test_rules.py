"""The house rules: imports point down, listing is light, plug-ins are whole."""

import ast
import graphlib
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
# Rooms from the top down: a file imports its own room and rooms on later lines.
LAYERS = (
    ("reporting/console",),
    ("reporting/formats",),
    ("reporting/contents",),
    ("reporting/deciding",),
    ("reporting/reading",),
    ("inspection",),
    ("grid",),
    ("compressing",),
    ("running",),
    ("schemes", "corpora", "engines", "measures", "studies", "hub"),
    ("quality",),
    ("guarding",),
    ("checkpoints",),
    ("comparing",),
    ("core",),
)
ROOMS = tuple(room for layer in LAYERS for room in layer)
MOST_FILES = 15  # of a room of modules; a folder of plug-ins has as many as there are plug-ins
PLUGINS = ("schemes", "corpora", "engines", "measures", "studies")
OUTSIDE = ("scripts", "tests")
COMMANDS = sorted(f.name for f in ROOT.glob("*.py"))
OUTSIDE = (*OUTSIDE, *(name.removesuffix(".py") for name in COMMANDS))
HEAVY = ("torch", "transformers", "vllm", "llmcompressor", "datasets", "lm_eval", "numpy", "scipy")


def sources() -> list[Path]:
    return [f for room in ROOMS for f in sorted((ROOT / room).glob("*.py"))]


def room_of(module: str) -> str | None:
    """The room a module of ours is in; None for other libraries' modules."""
    parts = module.split(".")
    return next((r for r in ("/".join(parts[:2]), parts[0]) if r in (*ROOMS, *OUTSIDE)), None)


def imported(path: Path) -> set[str]:
    """Rooms a file imports from, inside functions and for types alone too."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {room for module in modules if (room := room_of(module))}


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = str(path.parent.relative_to(ROOT))
    layer = next(n for n, rooms in enumerate(LAYERS) if room in rooms)
    allowed = {room, *(lower for rooms in LAYERS[layer + 1 :] for lower in rooms)}
    assert imported(path) <= allowed, f"{path} imports {sorted(imported(path) - allowed)}"


def test_every_folder_of_modules_is_a_room() -> None:
    packages = {str(f.parent.relative_to(ROOT)) for f in ROOT.glob("*/__init__.py")}
    packages |= {str(f.parent.relative_to(ROOT)) for f in ROOT.glob("reporting/*/__init__.py")}
    assert packages - {"tests", "scripts", "reporting"} == set(ROOMS)


def test_no_room_is_crowded() -> None:
    for room in set(ROOMS) - set(PLUGINS):
        files = [f for f in (ROOT / room).glob("*.py") if f.name != "__init__.py"]
        assert len(files) <= MOST_FILES, f"{room}/ has {len(files)} files"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for types alone count too."""
    modules = {_module(path): _imported_modules(path) for path in sources()}
    order = graphlib.TopologicalSorter(
        {name: {m for m in wanted if m in modules} - {name} for name, wanted in modules.items()}
    )
    order.prepare()


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


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
    ours = [Path(name).stem for name in COMMANDS] + [room.partition("/")[0] for room in ROOMS]
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
