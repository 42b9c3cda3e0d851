"""The boundaries between the parts. A boundary that nobody checks is gone within a year."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("cli", "gateway", "registry", "router", "simulator")
"""All services. Two are command-line programs, without settings and app: cli, simulator."""
LONG_RUNNING = ("gateway", "registry", "router")
SHARED_ROOMS: Mapping[str, set[str]] = {
    "contract": set(),
    "process": set(),
    "bus": {"contract", "process"},
    "redis_state": {"bus", "contract"},
}
"""The folders of shared, each with those that it may import."""

MOST_LINES = 450
"""About 400; a little more is no reason to cut an idea in two."""
MOST_LINES_OF_A_FUNCTION = 50
"""Without its docstring."""
MOST_FILES_OF_A_FOLDER = 14

# A key or channel, but not postgresql://chargelight:…@host, nor urn:chargelight:…
NAME = re.compile(r"(?<![/:])chargelight:")
TAG = re.compile(r"\{[pw](\d|$|\}|NN)|\{[pw]%")


@functools.cache
def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"there is no Python file in {folders}"
    return found


def title(path: Path) -> str:
    """Name a file as people do."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports, wherever in it."""
    yield from imported_by(tree(path), path.relative_to(ROOT).parts[:-1])


def imported_by(module: ast.Module, package: Iterable[str]) -> Iterator[str]:
    parents = list(package)
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            # ``from services import router`` imports services.router.
            yield from (f"{name}.{alias.name}" for alias in node.names)


def forbidden(paths: Iterable[Path], *packages: str) -> list[str]:
    """Return what these files import of these packages."""
    return [
        f"{title(path)} imports {module}"
        for path in paths
        for module in imports(path)
        if any(belongs_to(module, package) for package in packages)
    ]


Graph = Mapping[str, set[str]]


@functools.cache
def import_graph() -> Graph:
    """Return the modules that each module imports."""
    paths = {module_of(path): path for path in sources("services", "shared", "tools")}

    def found(name: str) -> str:
        while name and name not in paths:
            name = name.rpartition(".")[0]  # a class or function of a module
        return name

    return {
        module: {found(name) for name in imports(path)} - {"", module}
        for module, path in paths.items()
    }


def room_of(module: str) -> str:
    """Return the folder or file that a module belongs to, directly below its service."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[0] == "services" else 2])


def between_rooms(graph: Graph) -> Graph:
    rooms: dict[str, set[str]] = {}
    for module, others in graph.items():
        room = rooms.setdefault(room_of(module), set())
        room |= {room_of(other) for other in others} - {room_of(module)}
    return rooms


def cycle_in(graph: Graph) -> list[str]:
    """Return a cycle of imports, if there is any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def long_functions(module: ast.Module, most: int = MOST_LINES_OF_A_FUNCTION) -> list[str]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and (body[-1].end_lineno or 0) - body[0].lineno >= most:
                found.append(node.name)
    return found


def belongs_to(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def texts(path: Path) -> Iterator[str]:
    """Yield the texts in a file's code, no prose; of f-strings the fixed parts."""
    module = tree(path)
    prose = {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def lua_code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text("utf-8"))


def scripts_loaded_by(package: Path) -> set[str]:
    """Return the scripts that a package's modules load with `load_script`."""
    return {
        node.args[1].value
        for path in package.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "load_script"
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    }


BEGINNINGS = [ROOT / "shared/bus/prelude.lua", ROOT / "shared/redis_state/model.lua"]
"""What every script starts with."""
LUA = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.lua"))


def test_the_services_are_those_we_know() -> None:
    found = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert found == set(SERVICES)


def test_only_the_registry_opens_postgres() -> None:
    others = [
        path
        for path in sources("services", "shared")
        if not path.is_relative_to(ROOT / "services/registry")
    ]
    assert forbidden(others, "psycopg", "psycopg_pool", "asyncpg", "sqlalchemy") == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_never_imports_another_one(service: str) -> None:
    others = [f"services.{other}" for other in SERVICES if other != service]
    assert forbidden(sources(f"services/{service}"), *others) == []


def test_what_is_shared_imports_no_service() -> None:
    assert forbidden(sources("shared"), "services") == []


def test_what_runs_imports_no_test_and_no_tooling() -> None:
    foreign = ("tests", "tools", "pytest", "hypothesis", "testcontainers")
    assert forbidden(sources("services", "shared"), *foreign) == []


def test_only_tests_import_tests() -> None:
    assert forbidden(sources("tools"), "tests", "pytest", "hypothesis") == []


def test_what_is_shared_has_layers() -> None:
    found = {path.parent.name for path in (ROOT / "shared").glob("*/__init__.py")}
    assert found == set(SHARED_ROOMS)
    for room, below in SHARED_ROOMS.items():
        others = [f"shared.{other}" for other in found - below - {room}]
        assert forbidden(sources(f"shared/{room}"), *others) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    cycle = cycle_in(import_graph())
    assert not cycle, " < ".join(cycle)


def test_no_folder_imports_itself_by_way_of_others() -> None:
    cycle = cycle_in(between_rooms(import_graph()))
    assert not cycle, " < ".join(cycle)


def test_only_the_map_builds_names() -> None:
    found = [
        f"{title(path)}: {text}"
        for path in sources("services", "shared")
        if path != ROOT / "shared/contract/names.py"
        for text in texts(path)
        if NAME.search(text) or TAG.search(text)
    ]
    assert found == [], "names are built in shared/contract/names.py"


def test_scripts_are_given_their_names() -> None:
    for path in LUA:
        code = lua_code(path)
        assert not NAME.search(code), title(path)
        assert not TAG.search(code), title(path)


def test_the_rules_about_imports_can_fail() -> None:
    code = ast.parse(
        "import json\ndef late():\n    from services import router\n    from ..app import serve\n"
    )
    found = ["json", "services.router", "services.gateway.app.serve"]
    assert list(imported_by(code, ("services", "gateway", "workers"))) == found
    gateway = ROOT / "services/gateway/app.py"
    assert forbidden([gateway], "services.gateway.settings")
    assert "services.gateway.settings" in import_graph()["services.gateway.app"]
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    two_ways = {
        "services.x.a.one": {"services.x.b.one"},
        "services.x.b.two": {"services.x.a.two"},
    }
    assert cycle_in(between_rooms(two_ways))


def test_the_map_itself_would_be_found() -> None:
    # Or else the two tests above could not fail.
    found = list(texts(ROOT / "shared/contract/names.py"))
    assert any(TAG.search(text) for text in found)
    assert NAME.search("chargelight:routers")
    assert NAME.search("SUBSCRIBE chargelight:{p17}:readings")
    assert TAG.search("{p17}:live")
    assert TAG.search("{w%02d}")
    assert not NAME.search("postgresql://chargelight:secret@host/chargelight")
    assert not TAG.search("/widgets/{id}")
    assert not TAG.search('{"pairing":7,"widget":"w1"}')


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_all_mains_look_the_same(service: str) -> None:
    def normalised(name: str) -> str:
        module = tree(ROOT / "services" / name / "__main__.py")
        assert ast.get_docstring(module), f"{name}: a main says how it is started"
        code = "\n".join(map(ast.unparse, module.body[1:]))  # the docstring is in its own words
        return code.replace(f"services.{name}", "services.NAME").replace(
            f"{name.capitalize()}Settings", "Settings"
        )

    assert normalised(service) == normalised("gateway")


@pytest.mark.parametrize("service", SERVICES)
def test_a_main_only_wires(service: str) -> None:
    path = ROOT / "services" / service / "__main__.py"
    assert len(path.read_text("utf-8").splitlines()) <= 10
    assert "services." + service in path.read_text("utf-8").split('"""')[1]


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_every_service_has_the_same_three_files(service: str) -> None:
    for name in ("__main__.py", "app.py", "settings.py"):
        assert (ROOT / "services" / service / name).is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_every_script_is_loaded_and_every_loaded_script_is_there(service: str) -> None:
    package = ROOT / "services" / service
    files = {path.stem for path in package.rglob("scripts/*.lua")}
    assert scripts_loaded_by(package) == files


@pytest.mark.parametrize("service", ["gateway", "router"])
def test_scripts_are_loaded_in_one_place(service: str) -> None:
    package = ROOT / "services" / service
    loading = [title(p) for p in package.rglob("*.py") if "load_script(" in p.read_text("utf-8")]
    assert loading == [f"services/{service}/scripts/__init__.py"]


def test_no_script_lies_where_nobody_loads_it() -> None:
    stray = [p for p in LUA if p.parent.name != "scripts" and p not in BEGINNINGS]
    assert stray == []


def test_a_script_says_what_it_takes() -> None:
    for path in LUA:
        if path not in BEGINNINGS:
            text = path.read_text("utf-8")
            comments = [line for line in text.splitlines() if line.startswith("--")]
            assert text.startswith("--"), title(path)
            assert "KEYS:" in "\n".join(comments), title(path)


def test_a_file_is_one_idea_and_that_is_not_long() -> None:
    for path in sources("services", "shared", "tools"):
        assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES, title(path)


def test_no_function_is_long() -> None:
    found = [
        f"{title(path)}: {name}"
        for path in sources("services", "shared", "tools")
        for name in long_functions(tree(path))
    ]
    assert found == []


def test_a_long_function_would_be_found() -> None:
    code = ast.parse('def short():\n    """Not\n    counted.\n    """\n    a\n    b')
    assert long_functions(code, most=2) == []
    assert long_functions(code, most=1) == ["short"]


def test_no_folder_has_many_files() -> None:
    for folder in {path.parent for path in sources("services", "shared", "tools")}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_FILES_OF_A_FOLDER, title(folder)


def test_no_file_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "common", "helpers", "misc", "manager"}
    named = [title(path) for path in sources("services", "shared", "tools")]
    assert [name for name in named if Path(name).stem in nothing] == []
