"""The boundaries between the parts. A boundary that nobody checks is gone within a year."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("canary", "cli", "gateway", "registry", "router", "simulator")
"""All services. Two are command-line programs, without settings and app: cli, simulator."""
LONG_RUNNING = ("canary", "gateway", "registry", "router")
SHARED_ROOMS: Mapping[str, set[str]] = {
    "contract": set(),
    "process": set(),
    "bus": {"contract", "process"},
    "redis_state": {"bus", "contract"},
    "reporting": {"bus", "contract", "process", "redis_state"},
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
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    return imported_by(tree(path), path.relative_to(ROOT).parts[:-1])


def imported_by(module: ast.Module, package: Iterable[str]) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it."""
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
    return [
        f"{title(path)} imports {module}"
        for path in paths
        for module in imports(path)
        if f"{module}.".startswith(tuple(f"{package}." for package in packages))
    ]


Graph = Mapping[str, set[str]]


@functools.cache
def import_graph() -> Graph:
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


def scripts_loaded_by(package: Path) -> set[str]:
    return {
        node.args[1].value
        for path in package.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "load_script"
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    }


BEGINNINGS = [
    ROOT / "shared/bus/prelude.lua",
    ROOT / "shared/redis_state/model.lua",
    ROOT / "shared/redis_state/presence.lua",
]
"""What scripts start with."""
LUA = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.lua"))


def test_the_services_and_the_shared_folders_are_those_we_know() -> None:
    for folder, names in ("services", SERVICES), ("shared", SHARED_ROOMS):
        found = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
        assert found == set(names)


def test_only_the_registry_opens_postgres() -> None:
    registry = set(sources("services/registry"))
    others = [path for path in sources("services", "shared") if path not in registry]
    assert forbidden(others, "psycopg", "psycopg_pool", "asyncpg", "sqlalchemy") == []


OUTSIDE = ("tools", "testcontainers")
TESTS = ("tests", "pytest", "hypothesis")


@pytest.mark.parametrize(
    ("folder", "packages"),
    [
        *(
            (f"services/{name}", {f"services.{n}" for n in SERVICES if n != name})
            for name in SERVICES
        ),
        *(
            (f"shared/{name}", {f"shared.{n}" for n in SHARED_ROOMS.keys() - below - {name}})
            for name, below in SHARED_ROOMS.items()
        ),
        ("shared", {"services", *OUTSIDE, *TESTS}),
        ("services", {*OUTSIDE, *TESTS}),
        ("tools", TESTS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_folder_imports_only_what_it_may(folder: str, packages: Iterable[str]) -> None:
    assert forbidden(sources(folder), *packages) == []


@pytest.mark.parametrize("rooms", [False, True], ids=["module", "folder"])
def test_nothing_imports_itself_by_way_of_others(*, rooms: bool) -> None:
    cycle = cycle_in(between_rooms(import_graph()) if rooms else import_graph())
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
        code = re.sub(r"--.*", "", path.read_text("utf-8"))
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
    for text in "chargelight:routers", "SUBSCRIBE chargelight:{p17}:readings":
        assert NAME.search(text)
    for text in "{p17}:live", "{w%02d}":
        assert TAG.search(text)
    assert not NAME.search("postgresql://chargelight:secret@host/chargelight")
    for text in "/widgets/{id}", '{"pairing":7,"widget":"w1"}':
        assert not TAG.search(text)


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_all_services_look_the_same(service: str) -> None:
    def normalised(name: str) -> str:
        module = tree(ROOT / "services" / name / "__main__.py")
        assert ast.get_docstring(module), f"{name}: a main says how it is started"
        code = "\n".join(map(ast.unparse, module.body[1:]))  # the docstring is in its own words
        return code.replace(f"services.{name}", "services.NAME").replace(
            f"{name.capitalize()}Settings", "Settings"
        )

    if service != "registry":  # it has commands beside the service
        assert normalised(service) == normalised("gateway")
    for name in ("app.py", "settings.py"):
        assert (ROOT / "services" / service / name).is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_a_main_only_wires(service: str) -> None:
    text = (ROOT / "services" / service / "__main__.py").read_text("utf-8")
    assert len(text.splitlines()) <= 10
    assert "services." + service in text.split('"""')[1]


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


@pytest.mark.parametrize("path", sorted({*LUA} - {*BEGINNINGS}), ids=title)
def test_a_script_lies_where_it_is_loaded_and_says_what_it_takes(path: Path) -> None:
    assert path.parent.name == "scripts"
    text = path.read_text("utf-8")
    assert text.startswith("--")
    assert re.search("^--.*KEYS:", text, re.MULTILINE)


def test_no_file_and_no_function_is_long() -> None:
    for path in sources("services", "shared", "tools"):
        assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES, title(path)
        assert long_functions(tree(path)) == [], title(path)


def test_a_long_function_would_be_found() -> None:
    code = ast.parse('def short():\n    """Not\n    counted.\n    """\n    a\n    b')
    assert long_functions(code, most=2) == []
    assert long_functions(code, most=1) == ["short"]


def test_no_folder_has_many_files() -> None:
    for folder in {path.parent for path in sources("services", "shared", "tools")}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_FILES_OF_A_FOLDER, title(folder)


def test_no_file_is_named_after_nothing() -> None:
    named = {path.stem for path in sources("services", "shared", "tools")}
    assert not named & {"utils", "util", "common", "helpers", "misc", "manager"}


def printing_dataclasses(module: ast.Module) -> list[str]:
    """Name the dataclasses that are compared by identity, so hold parts, and print them all."""
    return [
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and any(
            "eq=False" in (text := ast.unparse(each)) and "repr=False" not in text
            for each in node.decorator_list
        )
    ]


def test_a_class_that_joins_parts_prints_none_of_them() -> None:
    # A URL among them may hold a password.
    assert [
        title(path) for path in sources("services", "shared") if printing_dataclasses(tree(path))
    ] == []
    assert printing_dataclasses(ast.parse("@dataclass(eq=False)\nclass Bus:\n    url: str")) == [
        "Bus"
    ]
