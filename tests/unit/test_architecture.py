"""The boundaries between the parts. A boundary that nobody checks is gone within a year."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("cli", "gateway", "registry", "router", "simulator")
"""All services. Two are command-line programs, without settings and app: cli, simulator."""
LONG_RUNNING = ("gateway", "registry", "router")
MOST_LINES = 450
"""About 400; a little more is no reason to cut an idea in two."""

# A key or channel, but not postgresql://chargelight:…@host, nor urn:chargelight:…
NAME = re.compile(r"(?<![/:])chargelight:")
TAG = re.compile(r"\{[pw](\d|$|\}|NN)|\{[pw]%")


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"there is no Python file in {folders}"
    return found


def title(path: Path) -> str:
    """Name a file as people do, also in a test's id."""
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), title(path))


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports, wherever in it."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # ``from services import router`` imports services.router.
            yield from (f"{module}.{alias.name}" for alias in node.names)


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
    """Return the scripts that a package's modules load with `Script.beside`."""
    return {
        node.args[1].value
        for path in package.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Script.beside"
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    }


LUA = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.lua"))


def test_the_services_are_those_we_know() -> None:
    found = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert found == set(SERVICES)


@pytest.mark.parametrize("path", sources("services", "shared"), ids=title)
def test_only_the_registry_opens_postgres(path: Path) -> None:
    if not path.is_relative_to(ROOT / "services/registry"):
        drivers = ("psycopg", "psycopg_pool", "asyncpg", "sqlalchemy")
        assert not [m for m in imports(path) for driver in drivers if belongs_to(m, driver)]


@pytest.mark.parametrize("path", sources("services"), ids=title)
def test_a_service_never_imports_another_one(path: Path) -> None:
    own = f"services.{path.relative_to(ROOT / 'services').parts[0]}"
    found = [module for module in imports(path) if belongs_to(module, "services")]
    assert [module for module in found if not belongs_to(module, own)] == []


@pytest.mark.parametrize("path", sources("shared"), ids=title)
def test_what_is_shared_imports_no_service(path: Path) -> None:
    assert [module for module in imports(path) if belongs_to(module, "services")] == []


@pytest.mark.parametrize("path", sources("services", "shared"), ids=title)
def test_what_runs_imports_no_test_and_no_tooling(path: Path) -> None:
    foreign = ("tests", "tools", "pytest", "hypothesis", "testcontainers")
    assert [m for m in imports(path) for name in foreign if belongs_to(m, name)] == []


@pytest.mark.parametrize("path", sources("services", "shared"), ids=title)
def test_only_the_map_builds_names(path: Path) -> None:
    if path != ROOT / "shared/contract/names.py":
        found = [text for text in texts(path) if NAME.search(text) or TAG.search(text)]
        assert found == [], "names are built in shared/contract/names.py"


@pytest.mark.parametrize("path", LUA, ids=title)
def test_scripts_are_given_their_names(path: Path) -> None:
    code = lua_code(path)
    assert not NAME.search(code)
    assert not TAG.search(code)


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
        module.body = module.body[1:]  # the docstring is in its own words
        code = ast.unparse(module)
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
    loading = [title(p) for p in package.rglob("*.py") if "Script.beside" in p.read_text("utf-8")]
    assert loading == [f"services/{service}/scripts/__init__.py"]


def test_no_script_lies_where_nobody_loads_it() -> None:
    stray = [p for p in LUA if p.parent.name != "scripts" and p.name != "prelude.lua"]
    assert stray == []


@pytest.mark.parametrize("path", LUA, ids=title)
def test_a_script_says_what_it_takes(path: Path) -> None:
    if path.name != "prelude.lua":
        head = path.read_text("utf-8").split("\n\n")[0] if path.read_text("utf-8") else ""
        comment = "\n".join(
            line for line in path.read_text("utf-8").splitlines() if line.startswith("--")
        )
        assert head.startswith("--")
        assert "KEYS:" in comment


@pytest.mark.parametrize("path", sources("services", "shared"), ids=title)
def test_a_file_is_one_idea_and_that_is_not_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", sources("services", "shared"), ids=title)
def test_no_file_is_named_after_nothing(path: Path) -> None:
    assert path.stem not in {"utils", "util", "common", "helpers", "misc", "manager"}
