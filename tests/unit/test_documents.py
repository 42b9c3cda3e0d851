"""The documents agree with the project: links, files, commands, settings and REST paths exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import pytest

from services.registry.routes.build import build
from tests.fixtures.typed_commands import BLOCK, INLINE, commands, wrong_command

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
FOLDERS: Final = ("deploy", "docs", "services", "shared", "tests", "tools")
LINK: Final = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE: Final = re.compile(
    r"(?:services|shared|tests|tools|deploy|docs)/[\w./-]+"
    r"|[\w./-]*[\w-]\.(?:py|lua|sql|toml|yml|cfg|md)"
)
PATH: Final = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+")
SETTING: Final = re.compile(r"CHARGELIGHT(?:_[A-Z0-9]+)+")
MISSPELT: Final = "CHARGELIGHT_GATEWAY_CHARGER_PROT"
"""The documents' example of a setting that does not exist."""
OPERATION: Final = re.compile(r"\b(GET|PUT|POST|PATCH|DELETE) (/[\w{}/.-]+)")
ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:3300(/[\w/.-]*)")
OUTSIDE_OPENAPI: Final = {"/console/", "/docs", "/openapi.json", "/v/{code}"}
SCRIPTS: Final = {
    "services/registry/directory/scripts",
    "services/registry/live/scripts",
    "services/registry/hub/scripts",
    "services/registry/rentals/scripts",
    "shared/bus/repair/scripts",
    "shared/reporting/scripts",
}
NOTHING: Final = cast("Any", None)
"""Writing the OpenAPI document asks neither Postgres nor Redis."""


@cache
def project_files() -> frozenset[str]:
    found = {path.name for path in ROOT.iterdir() if path.is_file()}
    for folder in FOLDERS:
        paths = (path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts)
        found |= {path.relative_to(ROOT).as_posix() for path in paths if path.is_file()}
    return frozenset(found)


@cache
def known_settings() -> frozenset[str]:
    suffixes = (".py", ".yml", ".example", "Dockerfile")
    paths = {ROOT / name for name in project_files() if name.endswith(suffixes)}
    texts = [path.read_text("utf-8") for path in paths - {Path(__file__)}]
    return frozenset(SETTING.findall("\n".join(texts)))


@cache
def operations() -> dict[str, set[str]]:
    paths = build(NOTHING).openapi()["paths"]
    return {path: {method.upper() for method in methods} for path, methods in paths.items()}


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings."""
    titles = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(document: Path, text: str) -> Iterator[str]:
    for target, anchor in LINK.findall(text):
        path = (document.parent / target).resolve() if target else document
        if not path.exists():
            yield f"link to {target}"
        elif anchor and anchor not in anchors(path.read_text("utf-8") if target else text):
            yield f"anchor {target}#{anchor}"


def missing_files(text: str) -> Iterator[str]:
    for code in INLINE.findall(BLOCK.sub("", text)):
        if FILE.fullmatch(code) and not any(
            name == code or name.endswith(f"/{code}") or name.startswith(f"{code.rstrip('/')}/")
            for name in project_files()
        ):
            yield f"file {code}"


def missing_in_commands(text: str) -> Iterator[str]:
    for words, complete in commands(text):
        for word in words:
            if complete and PATH.fullmatch(word) and not (ROOT / word).exists():
                yield f"{words[0]} is given {word}, which is not there"


def unknown_operations(text: str) -> Iterator[str]:
    used = [(method, path) for method, path in OPERATION.findall(text)]
    used += [("", path) for path in ADDRESS.findall(text) if path != "/"]
    for method, path in used:
        concrete = path.replace("{kind}", "chargers")
        if concrete not in OUTSIDE_OPENAPI and not any(
            re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", template), concrete)
            for template, methods in operations().items()
            if not method or method in methods
        ):
            yield f"operation {method} {path}"


def open_code(text: str) -> Iterator[str]:
    """Yield where paragraphs, items and rows with code that does not end begin: text was lost."""
    for part in re.split(r"\n(?=[-|\d\n])", BLOCK.sub("", text)):
        if part.replace("``", "").count("`") % 2:
            yield f"code without an end: {part.strip()[:60]}"


def problems(document: Path, text: str) -> list[str]:
    wrong = (wrong_command(words, complete=complete) for words, complete in commands(text))
    return [
        *broken_links(document, text),
        *missing_files(text),
        *missing_in_commands(text),
        *open_code(text),
        *(set(SETTING.findall(text)) - known_settings() - {MISSPELT}),
        *unknown_operations(text),
        *filter(None, wrong),
    ]


def quoted_from_logs(text: str) -> Iterator[str]:
    """Yield the reasons of /readyz and the events of log lines in operations.md's tables."""
    for reasons in re.findall(r"^\| (`no: .*?`) \|", text, re.MULTILINE):
        for reason in INLINE.findall(reasons):
            yield re.split(r"…|\(worker", reason.removeprefix("no: "))[0].rstrip(" :")
    (events,) = re.findall(r"^\| Event \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    for cell in re.findall(r"^\| (`.*?`) \|", events, re.MULTILINE):
        yield from INLINE.findall(cell)


def missing_texts(texts: list[str]) -> list[str]:
    python = [path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
    # A long text is cut where its line ends.
    code = re.sub(r'"\s+f?"', "", "".join(path.read_text("utf-8") for path in python))
    return [text for text in texts if text not in code]


def drawn_folders(text: str) -> Iterator[str]:
    """Yield the folders of architecture.md's tree: each is indented by two below its parent."""
    (drawing,) = re.findall(r"^## Folders\n\n```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    parents: list[str] = []
    for indent, name in re.findall(r"^( *)(\S+)/", drawing, re.MULTILINE):
        parents = [*parents[: len(indent) // 2], name]
        yield "/".join(parents)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_to_exists(document: Path) -> None:
    assert problems(document, document.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "[there](nowhere.md)",
        "[there](README.md#no-such-heading)",
        "`services/gateway/nowhere.py`",
        "`nowhere.lua`",
        "Add the new password (`ACL SETUSER gateway >NEW\n\n## The next heading",
        "`CHARGELIGHT_GATEWAY_NO_SUCH_SETTING`",
        "`PUT /no/such/path`",
        "`DELETE /whoami`",
        "`make nothing`",
        '`make capacity ARGS="--no-such-option 1"`',
        "`python -m services.nowhere`",
        "```\n$ python -m tools.capacity --no-such-option\n```",
        "```\nchargelight explian c1234\n```",
        "```\nchargelight explain c1234 --no-such-option\n```",
        "```\n$ chargelight explain\n```",
        "`chargelight-simulator fleet --no-such-option`",
        "`chargelight --url http://booth --no-such-option state`",
        "`chargelight --url http://booth sate`",
        "```\n$ chargelight-registry restore --no-such-option hub.backup\n```",
        "- in a list:\n\n  ```\n  chargelight explian c1234\n  ```",
        "```\nexport KEY=$(docker-compose run --rm -T cli keys creat ada admin)\n```",
        "`docker-compose restart rooter`",
        "`docker-compose logs --since 5m router`",
        "`docker-compose up -d --scale gatway=3`",
        "`docker-compose -f docker-compose.yml restart redis-1`",
        "`docker-compose -f deploy/compose/nowhere.yml ps`",
        "`docker-compose exec redis redis-as nobody PING`",
        "`docker-compose exec redis timeout 5 redis-as nobody PING`",
        "`docker-compose exec router take-certificate`",
        "`docker-compose exec --index=1 gateway python -m shared.process.nowhere`",
        "`docker-compose run --rm demo charger --no-such-option`",
        "```\ndocker-compose run --rm -T postgres-owner restor - < hub.backup\n```",
        "```\ndeploy/compose/make-secret secrets\n```",
        "```\nhelm install chargelight deploy/kubernetes/nowhere\n```",
    ],
)
def test_a_mistake_in_a_document_is_found(text: str) -> None:
    assert len(problems(ROOT / "example.md", text)) == 1


def test_what_exists_is_no_mistake() -> None:
    text = (
        "[there](README.md#read-on) `store.lua` `tools/local` `CHARGELIGHT_REDIS_URL` "
        "`PUT /pairings/c9` `make help` `python -m services.router`\n"
        "```\n$ CHARGELIGHT_CLI_URL=x chargelight explain c1 --json | jq; echo $?\nno: x\n```"
        "`chargelight --profile x --json rentals --watch` `chargelight state --url=http://booth`"
        "`docker-compose up -d --no-recreate --scale gateway=N gateway` `docker-compose ps`"
        "`docker-compose exec redis timeout 5 redis-as operator PING` `docker-compose run --rm cli`"
    )
    assert problems(ROOT / "example.md", text) == []


def test_the_architecture_draws_every_folder() -> None:
    drawn = set(drawn_folders((ROOT / "docs/architecture.md").read_text("utf-8")))
    folders = {str(parent) for name in project_files() for parent in Path(name).parents}
    assert drawn <= folders
    python = {str(Path(name).parent) for name in project_files() if name.endswith(".py")}
    rooms = {name for name in python if name.startswith(("services", "shared", "tools"))}
    assert rooms <= drawn | SCRIPTS


def test_what_is_quoted_from_logs_is_in_the_code() -> None:
    quoted = list(quoted_from_logs((ROOT / "docs/operations.md").read_text("utf-8")))
    assert len(quoted) > 30
    assert missing_texts([*quoted, "no such event"]) == ["no such event"]


def test_no_section_of_the_changelog_says_a_thing_twice() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = [
        re.findall(r"^- \*\*(.+?)\*\*", part, re.MULTILINE) for part in text.split("\n### ")
    ]
    assert sum(map(len, sections)) > 30
    assert [name for names in sections for name in set(names) if names.count(name) > 1] == []


def test_what_is_said_to_be_lost_is_as_the_matrix_has_it() -> None:
    deploy, reliability = (
        (ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("deploy", "reliability")
    )
    table = deploy.partition("## What is lost, and for how long")[2]
    said = re.findall(r"(\d+\.\d\d s), (\d+\.\d\d s)", table)
    assert len(said) > 8
    assert [pair for pair in said if f" | {' | '.join(pair)} | " not in reliability] == []
