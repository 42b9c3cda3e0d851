"""Says in words what is wrong with the fields of a request, and what they may be.

Pydantic's own messages are for programmers: they speak of types and patterns. The words here
come from the OpenAPI document, or are those of our own validators.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import Request

from services.registry.api.allowed_values import Schema, Schemas, allowed, example, resolve

_OWN: Final = (None, "value_error")
"""Types of errors whose message is ours."""


def operation_of(request: Request) -> Mapping[str, Any]:
    """Return what the OpenAPI document has of a request's operation."""
    path = request.app.openapi()["paths"][request.scope["route"].path_format]
    # HEAD is a GET without its body.
    operation: Mapping[str, Any] = path.get(request.method.lower()) or path["get"]
    return operation


def mistakes_in(
    errors: Iterable[Mapping[str, Any]], operation: Mapping[str, Any], schemas: Schemas
) -> list[dict[str, str]]:
    """Return where each mistake is, and what the problem is. Never what was sent.

    Args:
        errors: As pydantic reports them, or without a type: then the message stays.
        operation: Of the OpenAPI document.
        schemas: Of the OpenAPI document.
    """
    return [
        {
            # Of a body that is no JSON, FastAPI adds the position to the location.
            "where": ".".join(str(part) for part in each["loc"] if isinstance(part, str)),
            "problem": _problem(each, operation, schemas),
        }
        for each in errors
    ]


def _problem(error: Mapping[str, Any], operation: Mapping[str, Any], schemas: Schemas) -> str:
    kind, (place, *names) = error.get("type"), error["loc"]
    body = _body(operation, schemas)
    if kind == "extra_forbidden":
        return f"there is no such field; there are {', '.join(body.get('properties', ()))}"
    if kind == "json_invalid":
        return f"not JSON (see character {names[0]}); it must be {allowed(body, schemas)}"
    schema = _field(body, names) if place == "body" else _parameter(operation, place, names)
    if kind in _OWN:
        return _with_example(error["msg"].removeprefix("Value error, "), schema, schemas)
    must = f"must be {allowed(schema, schemas)}"
    return f"is missing; it {must}" if kind == "missing" else must


def _with_example(text: str, schema: Schema, schemas: Schemas) -> str:
    found = example(schema, schemas) if schema.get("type") != "object" else ""
    return text if not found or found in text else f"{text}, such as {found}"


def _body(operation: Mapping[str, Any], schemas: Schemas) -> Schema:
    content = operation.get("requestBody", {}).get("content", {})
    return resolve(content.get("application/json", {}).get("schema", {}), schemas)


def _field(body: Schema, names: list[str]) -> Schema:
    found: Schema = body.get("properties", {}).get(names[0], {}) if names else body
    return found


def _parameter(operation: Mapping[str, Any], place: str, names: list[str]) -> Schema:
    for each in operation.get("parameters", ()):
        if [each["in"], each["name"]] == [place, *names]:
            schema: Schema = each["schema"]
            return schema
    return {}
