"""The arrows of the design: who may import whom, read by `ast`, so that nothing needs to run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("genbench", "baselines")

# module -> what it may import of the project; "datasets" and the like stand for the folder
ARROWS = {
    "genbench": {"protocols", "metrics", "testing"},  # for type checkers only: it loads lazily
    "protocols": set(),
    "errors": set(),
    "files": {"errors"},
    "precision": set(),
    "registry": {"errors"},
    "recipe": {"registry", "errors"},
    "run": {"files"},
    "store": {"run", "files", "errors"},
    "seeding": set(),
    "timing": set(),
    "mixing": set(),
    "provenance": {"precision"},
    "arrays": {"errors"},
    "scoring": {"protocols", "recipe", "registry", "statistics", "seeding", "precision", "errors"},
    "samples": {"arrays", "scoring", "protocols", "errors"},
    "plan": {"recipe", "registry", "run", "store", "files", "errors"},
    "stages": {"plan", "recipe", "registry", "run", "store", "protocols", "seeding", "timing"}
    | {"mixing", "provenance", "scoring", "errors", "files", "signature"},
    "runner": {"plan", "stages", "run", "store", "timing", "provenance", "precision", "errors"},
    "executors": set(),
    "variance": set(),
    "statistics": {"variance"},
    "speed": {"run"},
    "verdict": {"statistics"},
    "table": {"statistics", "run", "files", "speed", "verdict"},
    "notes": {"statistics", "table", "run", "speed"},
    "rendering": {"table", "speed", "run"},
    "comparison": {"statistics", "table", "run", "errors"},
    "robustness": {"comparison", "statistics", "table", "run"},
    "signature": {"recipe", "registry", "run", "files", "errors"},
    "citations": {"registry", "errors"},
    "copies": {"recipe", "registry", "run", "protocols", "precision", "seeding"},
    "audit": {"copies", "scoring", "statistics", "protocols", "precision", "seeding", "errors"},
    "findings": {"audit", "copies", "table"},
    "audits": {"audit", "findings", "copies", "recipe", "registry", "files", "protocols", "errors"},
    "commands": {"recipe", "run"},
    "lock": {"files", "errors"},
    "records": {"run", "lock", "registry", "files", "errors"},
    "verification": {"records", "plan", "runner", "scoring", "store", "run", "recipe", "registry"}
    | {"files", "protocols", "precision", "provenance", "seeding", "errors", "commands"},
    "restored": {"store", "run", "registry", "files", "seeding", "errors"},
    "neighbours": {"mixing"},
    "figures": {"table", "verdict", "speed", "store", "run", "restored", "neighbours", "scoring"}
    | {"files", "seeding", "errors", "figures"},
    "page": set(),
    "progress": {"run", "store", "speed"},
    "testing": {"registry", "recipe", "seeding", "protocols", "errors"},
    "cli": None,  # any of the above
    "datasets": {"protocols", "files", "errors", "datasets"},
    "metrics": {"protocols", "files", "precision", "errors", "metrics"},
    "models": {"protocols", "models"},
    "baselines": {"protocols"},
}
LAZY = {"cli", "genbench"}  # may import inside functions, so that --help loads no torch


def modules() -> list[tuple[str, Path]]:
    """Every module of the project with the room it stands in."""
    return [
        (_room(path), path) for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))
    ]


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "baselines":
        return "baselines"
    inside = [part for part in parts[1:] if part != "__init__"]
    return inside[0] if inside else "genbench"


def imports(tree: ast.AST) -> set[str]:
    """The rooms of the project that a tree imports from."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names] if base in PACKAGES else [base]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "baselines":
                found.add("baselines")
            elif parts[0] == "genbench":
                found.add(parts[1] if len(parts) > 1 else "genbench")
    return found - {"__version__"}


@pytest.mark.parametrize(("room", "path"), modules(), ids=lambda value: str(value))
def test_imports_go_only_along_the_arrows(room: str, path: Path) -> None:
    assert room in ARROWS, f"{path.name} is new: add its row to ARROWS in the same commit"
    allowed = ARROWS[room]
    found = imports(ast.parse(path.read_text()))
    if allowed is None:
        assert "baselines" not in found
    else:
        assert found <= allowed, f"{path.name} imports {sorted(found - allowed)}"


@pytest.mark.parametrize("path", sorted((ROOT / "baselines").glob("*.py")), ids=lambda p: p.name)
def test_a_baseline_stands_alone(path: Path) -> None:
    ours = {"torch", "numpy", "scipy", "sklearn", "genbench"}
    tree = ast.parse(path.read_text())
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    outside = {name.split(".")[0] for name in names} - ours
    import sys

    assert outside <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(("room", "path"), modules(), ids=lambda value: str(value))
def test_only_the_edge_imports_inside_functions(room: str, path: Path) -> None:
    if room in LAZY:
        return
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    ]
    inside = {
        f"{path.name}:{node.lineno}"
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not inside


def test_only_the_command_line_prints_or_exits() -> None:
    for room, path in modules():
        names = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        child = path.name == "_mat.py"  # a program of its own, whose output is its answer
        assert room == "cli" or child or not names & {"print", "exit"}, path


def test_only_one_module_opens_files_for_writing() -> None:
    writers = {"write_bytes", "write_text", "mkstemp", "savez_compressed", "save_file"}
    for room, path in modules():
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        found = {call for call in calls & writers if f"files.{call}" not in path.read_text()}
        assert room == "files" or not found, f"{path} calls {found}"


def test_the_core_knows_no_model_dataset_or_metric_by_name() -> None:
    from genbench import registry

    known = {name for kind in registry.KINDS for name in registry.names(kind)}
    for room, path in modules():
        if room in ("models", "datasets", "metrics", "baselines", "genbench"):
            continue
        tree = ast.parse(path.read_text())
        docs = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strings = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs
        }
        assert not strings & known, f"{path.name} names {strings & known}"
