"""The templates as data: CloudFormation's short forms (`!Ref x`) become its long ones."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "aws"

Template = dict[str, Any]
Templates = Mapping[str, Template]
"""By the name of their stack: `network` for network.yml."""


class _Loader(yaml.SafeLoader):
    pass


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def load() -> dict[str, Template]:
    """Read all templates."""
    return {
        path.stem: yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a safe loader
        for path in sorted(FOLDER.glob("*.yml"))
    }


class Resource(NamedTuple):
    """A resource, and where it is."""

    stack: str
    name: str
    type: str
    body: dict[str, Any]

    @property
    def title(self) -> str:
        return f"{self.stack}/{self.name}"

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("Properties", {})
        return found


def resources(templates: Templates, kind: str = "") -> Iterator[Resource]:
    """Yield the resources, or those of the type ``AWS::kind``."""
    for stack, template in templates.items():
        for name, body in template["Resources"].items():
            if kind in ("", body["Type"].removeprefix("AWS::")):
                yield Resource(stack, name, body["Type"].removeprefix("AWS::"), body)


def unlike(templates: Templates, kind: str, key: str, expected: Any) -> Iterator[str]:
    """Yield the resources of a type that have another value there."""
    for each in resources(templates, kind):
        if (given := each.properties.get(key)) != expected:
            yield f"{each.title} has the {key} {given}"


def containers(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all containers of all tasks, each with a name for people."""
    for task in resources(templates, "ECS::TaskDefinition"):
        for container in task.properties["ContainerDefinitions"]:
            yield f"{task.title}/{container['Name']}", container


def container_named(templates: Templates, name: str) -> dict[str, Any]:
    """Return the container of this name."""
    (found,) = (each for _, each in containers(templates) if each["Name"] == name)
    return found


def environment(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a container that are no secrets."""
    return {each["Name"]: each["Value"] for each in container.get("Environment", [])}


def secrets(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that Secrets Manager fills in, each with where it comes from."""
    found = [
        # One that is there on a condition only: !If [condition, it, nothing].
        each["Fn::If"][1] if "Fn::If" in each else each
        for each in container.get("Secrets", [])
    ]
    return {each["Name"]: each["ValueFrom"] for each in found}


def value(template: Template, given: Any) -> Any:
    """Return what something is if it is a reference to a parameter with a default."""
    if isinstance(given, dict) and given.keys() == {"Ref"}:
        return template.get("Parameters", {}).get(given["Ref"], {}).get("Default", given)
    return given


def nodes(node: Any) -> Iterator[Any]:
    """Yield a node and all below it, each before its own."""
    yield node
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in below:
        yield from nodes(each)


def mappings_with(node: Any, key: str) -> Iterator[dict[str, Any]]:
    """Yield the mappings that have a key, the node's own among them."""
    return (each for each in nodes(node) if isinstance(each, dict) and key in each)


def texts(node: Any) -> Iterator[str]:
    """Yield all strings below a node."""
    return (each for each in nodes(node) if isinstance(each, str))


def imports(node: Any) -> Iterator[str]:
    """Yield the names that are imported below a node, without the hub's name before them."""
    for each in mappings_with(node, "Fn::ImportValue"):
        yield each["Fn::ImportValue"]["Fn::Sub"].removeprefix("${Hub}-")


def agent_config(templates: Templates) -> dict[str, Any]:
    """Return what the agent is told to do."""
    config = environment(container_named(templates, "agent"))["CW_CONFIG_CONTENT"]
    found: dict[str, Any] = json.loads(config["Fn::Sub"])
    return found
