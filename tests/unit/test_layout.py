"""The shape of the house: import arrows, one importer a library, sizes, the package list."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"agent": "clusterctl.agent", "collector": "clusterctl.collector", "analytics": "clusterctl.analytics",
           "communication": "clusterctl.communication",
           "dashboards": "clusterctl.dashboards", "simulate": "clusterctl.simulate", "clusterctl": "clusterctl"}  # fmt: skip
OPEN = {"clusterctl", "clusterctl.config", "clusterctl.clock", "clusterctl.errors", "clusterctl.timetext",
        "clusterctl.terminal", "clusterctl.frames", "clusterctl.catalog", "clusterctl.prometheus"}  # fmt: skip
ARROWS = {
    "agent": {"clusterctl.schema", "clusterctl.wire", "clusterctl.bus"},
    "collector": {"clusterctl.schema", "clusterctl.wire", "clusterctl.packs", "clusterctl.bus", "clusterctl.store"},
    "analytics": {"clusterctl.schema", "clusterctl.store"},
    "communication": {"clusterctl.schema"},
    "dashboards": {"clusterctl.schema", "clusterctl.analytics"},
    "simulate": {"clusterctl.schema", "clusterctl.wire", "clusterctl.packs", "clusterctl.bus"},
}
ONLY_IMPORTER: dict[str, str | set[str]] = {
    "pynvml": "agent/nvml/library.py", "prometheus_client": "clusterctl/prometheus.py",
    # sending, reading, looking from outside, and what they share
    "kafka": {f"clusterctl/bus/kafka{part}.py" for part in ("", "_reader", "_admin", "_line", "_common")},
    "clickhouse_driver": "clusterctl/store/driver.py",
    "chdb": "clusterctl/store/embedded.py", "rich": "clusterctl/terminal.py", "grafana_client": "dashboards/grafana.py",
    "matplotlib": "analytics/reports/charts.py",
}  # fmt: skip
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if not any(parent.is_symlink() for parent in path.parents):
                yield path


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, allowed: set[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)


@pytest.mark.parametrize("folder", ARROWS)
def test_import_arrows(folder: str) -> None:
    allowed = ARROWS[folder] | (OPEN - {"clusterctl"}) | {f"clusterctl.{folder}"}
    for path in (ROOT / folder).rglob("*.py"):
        ours = {name for name in imports(path) if name.startswith("clusterctl.")}
        foreign = {name for name in ours if not within(name, allowed) and name != "clusterctl.__version__"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_nobody_imports_the_command_line() -> None:
    for path in sources():
        name = str(path.relative_to(ROOT))
        if name.startswith("clusterctl/commands/") or name == "clusterctl/cli.py":
            continue
        assert not any(within(used, {"clusterctl.commands", "clusterctl.cli"}) for used in imports(path)), name


@pytest.mark.parametrize("library", ONLY_IMPORTER)
def test_one_file_imports_each_library(library: str) -> None:
    users = {
        str(path.relative_to(ROOT)) for path in sources() if any(within(name, {library}) for name in imports(path))
    }
    wanted = ONLY_IMPORTER[library]
    assert users == (wanted if isinstance(wanted, set) else {wanted})


def test_the_agent_never_loads_an_engine_or_numpy() -> None:
    import subprocess

    code = (
        "import sys, clusterctl.agent.main, clusterctl.agent.publish; "
        "print([m for m in ('numpy', 'chdb', 'clickhouse_driver', 'scipy', 'pynvml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_files_and_functions_stay_small() -> None:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= MAX_FILE_LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
                assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, f"{path}: {node.name}"


def test_no_broad_handlers() -> None:
    """`except Exception` and bare `except` hide faults; a thread that hands its failure to another may have one."""
    handing_on = {
        "agent/main.py",
        "agent/nvml/lanes.py",
        "collector/writers.py",
        "clusterctl/commands/common.py",
    }
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                names = {ast.unparse(node.type)} if node.type else {"bare"}
                broad = names & {"bare", "Exception", "BaseException"}
                allowed = str(path.relative_to(ROOT)) in handing_on
                assert not broad or allowed, f"{path}:{node.lineno}"


def test_the_package_list_is_the_folders() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = set()
    for path in sources():
        if path.name == "__init__.py":
            parts = path.parent.relative_to(ROOT).parts
            found.add(".".join((FOLDERS[parts[0]], *parts[1:])))
    assert set(config["packages"]) == found


def test_every_module_says_what_it_is_for() -> None:
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name != "__init__.py" or tree.body:
            assert ast.get_docstring(tree), path
