"""Says in words what a schema of the OpenAPI document allows. No I/O."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Schemas: TypeAlias = Mapping[str, Schema]
"""Of the whole document, by their names: ``#/components/schemas``."""

_REFERENCE: Final = "#/components/schemas/"
_BY_FORMAT: Final = {
    "date-time": ("a time with its zone", "2026-11-24T08:00:00Z"),
    "uuid": ("a UUID", "7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"),
}

_BY_TYPE: Final = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
}


def resolve(schema: Schema, schemas: Schemas) -> Schema:
    """Return a schema without references, and without the choice to be null."""
    if "$ref" in schema:
        return schemas[schema["$ref"].removeprefix(_REFERENCE)]
    for choice in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        if choice.get("type") != "null":
            # An example may stand on either level.
            return {**schema, **resolve(choice, schemas), "anyOf": (), "allOf": ()}
    return schema


def allowed(schema: Schema, schemas: Schemas) -> str:
    """Return what a value must be, such as ``a whole number from 1 to 1,000, such as 100``."""
    schema = resolve(schema, schemas)
    match schema:
        case {"enum": _} | {"const": _} | {"type": "boolean"}:
            return _described(schema)  # all of them are named
        case _:
            found = example(schema, schemas)
            return _described(schema) + (f", such as {found}" if found else "")


def example(schema: Schema, schemas: Schemas) -> str:
    """Return a value that is allowed, as it is typed; empty: none is known."""
    found = _example(schema, schemas)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _example(schema: Schema, schemas: Schemas) -> object:
    schema = resolve(schema, schemas)
    match schema:
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"const": first}:
            return first
        case {"format": str(format_)} if format_ in _BY_FORMAT:
            return _BY_FORMAT[format_][1]
        case {"type": "boolean"}:
            return schema.get("default", True)
        case {"type": "integer" | "number"}:
            return schema.get("default", schema.get("minimum", 1))
        case {"type": "object"}:
            return _example_of_object(schema, schemas)
        case _:
            return ""


def _example_of_object(schema: Schema, schemas: Schemas) -> dict[str, object]:
    members = {
        name: _example(member, schemas)
        for name, member in schema.get("properties", {}).items()
        if name in schema.get("required", ()) or not schema.get("required")
    }
    return {name: value for name, value in members.items() if value != ""}


def _described(schema: Schema) -> str:
    match schema:
        case {"enum": [*values]}:
            return "one of " + ", ".join(str(value) for value in values)
        case {"const": value}:
            return str(value)
        case {"format": str(format_)} if format_ in _BY_FORMAT:
            return _BY_FORMAT[format_][0]
        case _:
            return _BY_TYPE.get(schema.get("type", ""), "a text") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        # The document may have 0.0 of a whole number, too.
        return f" from {round(least):,} to {round(most):,}"
    if "maxLength" in schema:
        return f" of {schema.get('minLength', 0)} to {schema['maxLength']:,} characters"
    return ""
