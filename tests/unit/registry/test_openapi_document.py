"""The OpenAPI document is valid, and complete enough to make a client from it.

What the API really answers is compared with it in `tests/integration/registry/test_openapi.py`.
"""

import keyword
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, cast

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.registry.routes.build import build
from shared.process.runtime import CannotServeError
from shared.version import VERSION

NOTHING: Final = cast("Any", None)
"""Writing the document asks neither Postgres nor Redis."""

DOCUMENT: Final = build(NOTHING).openapi()
SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
PARAMETERS: Final = {
    f"{name}: {parameter['name']}": parameter
    for name, operation in OPERATIONS.items()
    for parameter in operation.get("parameters", ())
}
PROPERTIES: Final = {
    f"{name}.{member}": schema
    for name, definition in SCHEMAS.items()
    for member, schema in definition.get("properties", {}).items()
}


def forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a value may be, apart from null."""
    for form in schema.get("anyOf", [schema]):
        if form.get("type") == "array":
            yield from forms(form["items"])
        elif form.get("type") != "null":
            yield form


def speaks_for_itself(schema: dict[str, Any]) -> bool:
    """Tell whether a reader knows what a value looks like, without an example."""
    return all(
        {"$ref", "enum", "const"} & form.keys()
        or form["type"] == "boolean"
        or form.get("format") in {"date-time", "uuid"}
        for form in forms(schema)
    )


def has_example(schema: dict[str, Any]) -> bool:
    return any("examples" in each for each in (schema, *forms(schema))) or speaks_for_itself(schema)


def test_it_is_valid() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    # Or else the rules below would prove little.
    assert (len(OPERATIONS), len(PARAMETERS), len(PROPERTIES)) > (40, 80, 80)


def test_it_has_the_version_of_the_product() -> None:
    assert DOCUMENT["info"]["version"] == VERSION


def test_every_parameter_and_every_property_is_described_and_has_an_example() -> None:
    described = {**PARAMETERS, **PROPERTIES, **SCHEMAS}
    assert [name for name, each in described.items() if not each.get("description")] == []
    values = {name: each["schema"] for name, each in PARAMETERS.items()} | PROPERTIES
    assert [name for name, schema in values.items() if not has_example(schema)] == []


def test_every_answer_says_what_it_is() -> None:
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            assert answer["description"] not in {"", "Successful Response"}, (name, status)


def test_every_example_is_what_may_be_sent_or_answered() -> None:
    values = {name: each["schema"] for name, each in PARAMETERS.items()} | PROPERTIES
    wrong = [
        (name, example)
        for name, schema in values.items()
        for example in schema.get("examples", ())
        if not OAS31Validator({**schema, "components": DOCUMENT["components"]}).is_valid(example)
    ]
    assert wrong == []


def test_every_body_that_is_no_json_has_an_example() -> None:
    bodies = [
        each["requestBody"]["content"] for each in OPERATIONS.values() if "requestBody" in each
    ]
    others = [body[kind] for body in bodies for kind in body if kind != "application/json"]
    assert others
    assert all(has_example(each["schema"]) for each in others)


def test_every_operation_has_one_tag_of_those_that_are_described() -> None:
    tags = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    used = [operation["tags"] for operation in OPERATIONS.values()]
    assert all(len(each) == 1 for each in used)
    assert {tag for each in used for tag in each} == tags


def test_every_answer_to_an_error_says_in_words_when_it_comes() -> None:
    phrases = {status.phrase for status in HTTPStatus}
    said = [
        answer["description"]
        for operation in OPERATIONS.values()
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    ]
    assert said
    assert set(said).isdisjoint(phrases)


def test_every_name_can_be_used_in_every_language() -> None:
    # Two words or more: `import` or `export` is a keyword somewhere.
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", each)] == []
    assert len(set(ids)) == len(ids)
    # No brackets of a generic type, and no `-Input` and `-Output` of one schema.
    assert [each for each in SCHEMAS if not re.fullmatch(r"([A-Z][a-z]+)+", each)] == []
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert [each for each in tags if not re.fullmatch(r"[a-z]+", each)] == []
    members = {name.rpartition(".")[2] for name in PROPERTIES} - {"startsAt"}  # Alertmanager's
    assert [each for each in members if not re.fullmatch(r"[a-z][a-z0-9_]*", each)] == []
    assert [each for each in members if keyword.iskeyword(each)] == []


@pytest.mark.parametrize("prefix", ["/state", "/chargers/hub", "/docs", "/openapi.json"])
def test_a_prefix_that_looks_like_a_path_of_the_api_is_refused(prefix: str) -> None:
    with pytest.raises(CannotServeError, match="CHARGELIGHT_REGISTRY_PATH_PREFIX"):
        build(NOTHING, prefix)
