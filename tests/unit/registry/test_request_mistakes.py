"""Whatever a request has wrong, the answer says it in words of the booth."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final, cast
from urllib.parse import quote

import httpx
import pytest
from structlog.testing import capture_logs

from services.registry.access.authorization import Authorization
from services.registry.routes.build import build
from services.registry.routes.dependencies import Parts

NOBODY: Final = cast("Any", None)
"""Only what is wrong is sent, and that is refused before anything is asked."""

API: Final = build(
    Parts(
        NOBODY,
        NOBODY,
        NOBODY,
        NOBODY,
        Authorization(NOBODY, NOBODY, required=False),
        NOBODY,
        NOBODY,
        NOBODY,
    )
)
DOCUMENT: Final = API.openapi()
SCHEMAS: Final = DOCUMENT["components"]["schemas"]

JARGON: Final = re.compile(
    r"Input should|[Vv]alue error|string_|_parsing|_type\b|instance of|pattern|pydantic|valid "
    r"(string|integer|boolean|datetime|enum)|greater than|less than|extra_|Extra inputs|Field req"
    r"|decode|delimiter|\[\^|\^\[|\]\*|\{\d+,|\\x|\$|None\b"
)
"""Words of validators, and parts of regular expressions."""

TEXTS: Final = ("", "\0", "a b", "-1", "x", "9" * 30, "x" * 2000, "{}", "1.5", "2026-13-45")
VALUES: Final[list[object]] = [None, True, -1, 1.5, 10**30, *TEXTS, [], ["a"], {}]

Operation = tuple[str, str, dict[str, Any]]
OPERATIONS: Final[list[Operation]] = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
PARAMETERS: Final = [
    (method, path, parameter["in"], parameter["name"])
    for method, path, operation in OPERATIONS
    for parameter in operation.get("parameters", ())
    if parameter["in"] != "path"
]


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    reference = schema.get("$ref") or next(
        (each["$ref"] for each in schema.get("anyOf", ()) if "$ref" in each), ""
    )
    return cast("dict[str, Any]", SCHEMAS[reference.rpartition("/")[2]]) if reference else {}


BODIES: Final = [each for each in OPERATIONS if body_of(each[2])]
FIELDS: Final = [
    (method, path, name)
    for method, path, operation in BODIES
    for name in body_of(operation)["properties"]
]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    # What is right after all finds nobody to ask: a 500, whose tracebacks nobody needs.
    transport = httpx.ASGITransport(API)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        with capture_logs():
            yield client


def address(path: str) -> str:
    uuid = "7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"
    return re.sub(r"\{(\w+)\}", lambda found: uuid if "rental" in found[1] else "c1", path)


def said(answer: httpx.Response) -> dict[str, str]:
    """Return what an answer says of each field, once it was checked for words of programmers."""
    if answer.status_code != 422:
        return {}
    problem = answer.json()
    assert not JARGON.search(problem["detail"]), problem["detail"]
    mistakes = {each["where"]: each["problem"] for each in problem.get("errors", ())}
    assert all(f"{where}: {text}" in problem["detail"] for where, text in mistakes.items())
    return mistakes


@pytest.mark.parametrize(("method", "path", "place", "name"), PARAMETERS)
async def test_each_parameter_says_what_it_may_be(
    client: httpx.AsyncClient, method: str, path: str, place: str, name: str
) -> None:
    named = []
    for text in TEXTS:
        if place == "query":
            answer = await client.request(method, f"{address(path)}?{name}={quote(text)}")
        elif text.isprintable():
            answer = await client.request(method, address(path), headers={name: text})
        named.append(f"{place}.{name}" in said(answer) or f"{name}: " in answer.text)
    assert any(named), "something must have been wrong with it"


@pytest.mark.parametrize(("method", "path", "name"), FIELDS)
async def test_each_field_says_what_it_may_be(
    client: httpx.AsyncClient, method: str, path: str, name: str
) -> None:
    answers = [await client.request(method, address(path), json={name: value}) for value in VALUES]
    texts = [said(answer).get(f"body.{name}") for answer in answers]
    assert any(texts), "something must have been wrong with it"


# Alertmanager's may have more in it.
@pytest.mark.parametrize(
    ("method", "path", "operation"), [each for each in BODIES if each[1] != "/hub/alerts"]
)
async def test_each_body_says_what_it_may_be(
    client: httpx.AsyncClient, method: str, path: str, operation: dict[str, Any]
) -> None:
    values: tuple[object, ...] = (1, "x", [], None)
    for value in values:
        problems = said(await client.request(method, address(path), json=value))
        assert all(each.endswith("}") for each in problems.values()), problems
    headers = {"Content-Type": "application/json"}
    broken = await client.request(method, address(path), content=b'{"a":', headers=headers)
    assert said(broken)["body"].startswith("not JSON (see character 5); it must be a JSON object")
    unknown = said(await client.request(method, address(path), json={"colour": "red"}))
    fields = body_of(operation).get("properties", {})
    assert all(name in unknown["body.colour"] for name in fields)
    for name in body_of(operation).get("required", ()):
        assert unknown[f"body.{name}"].startswith("is missing; it must be ")


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("GET", "/chargers?limit=0", None, "query.limit: must be a whole number from 1 to 1,000,"),
        ("GET", "/chargers?paired=maybe", None, "query.paired: must be true or false"),
        ("GET", "/state?status=red", None, "must be one of charging, charging80, charged"),
        ("GET", "/audit?action=made", None, "query.action: must be one of created, "),
        ("PUT", "/pairings/c1", {}, "body.widget: is missing; it must be a text, such as wABCD"),
        ("PUT", "/pairings/c1", {"widget": 7}, "body.widget: must be a text, such as wABCD"),
        ("PUT", "/pairings/c1", {"widget": "a b"}, "body.widget: an id is 1 to 64 of "),
        ("PUT", "/pairings/a%20b", {"widget": "w1"}, "0-9 . _ -, such as c1234"),
        ("GET", "/rentals/first", None, "path.rental_id: a rental's id is a UUID, or its short id"),
        (
            "PUT",
            "/chargers/c1",
            {"label": "a\nb"},
            "at most 200 characters, no control characters",
        ),
        ("PUT", "/chargers/c1", {"label": "x" * 201}, "such as Booth 3, left"),
        ("POST", "/keys", {"name": "-", "role": "boss"}, "body.role: must be one of viewer, att"),
        ("POST", "/keys", {"name": "-", "role": "viewer"}, "begins with a letter or a digit, such"),
        ("PUT", "/rentals/first", {"charger": "c1"}, "path.rental_id: must be a UUID, such as 7b"),
        ("POST", "/keys", [], 'such as {"name": "anna", "role": "viewer"}'),
        ("POST", "/chargers/c1/secret", 3, 'such as {"overlap_seconds": 86400}'),
        ("PUT", "/pairings/c1", [], 'body: must be a JSON object, such as {"widget": "wABCD"}'),
    ],
)
async def test_a_mistake_is_named_with_what_is_allowed(
    client: httpx.AsyncClient, method: str, path: str, body: object, problem: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == 422
    assert problem in answer.json()["detail"]
    said(answer)


async def test_a_secret_that_is_refused_is_not_in_the_answer(client: httpx.AsyncClient) -> None:
    for secret in ("hush hush hush hush", ["hush"], {"hush": 1}):
        answer = await client.put("/chargers/c1/secret", json={"secret": secret})
        assert answer.status_code == 422
        assert "hush" not in answer.text
