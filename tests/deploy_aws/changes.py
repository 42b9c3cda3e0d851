"""Small changes to templates, as values: what a test does to a copy."""

from collections.abc import Callable
from typing import Any

from tests.deploy_aws.templates import Template, container_named

Break = Callable[[dict[str, Template]], object]


def put(stack: str, name: str, *path: Any, to: Any) -> Break:
    """Return what sets one property of a resource; ``None`` takes it away."""

    def do(templates: dict[str, Template]) -> None:
        node = templates[stack]["Resources"][name]
        for key in path[:-1]:
            node = node[key]
        if to is None:
            del node[path[-1]]
        else:
            node[path[-1]] = to

    return do


def variable(of: str, name: str, to: str) -> Break:
    """Return what sets a variable of a container."""

    def do(templates: dict[str, Template]) -> None:
        variables = container_named(templates, of)["Environment"]
        variables[:] = [each for each in variables if each["Name"] != name]
        variables.append({"Name": name, "Value": to})

    return do


def attribute(target: str, key: str, to: str) -> Break:
    """Return what sets an attribute of a target group."""

    def do(templates: dict[str, Template]) -> None:
        properties = templates["services"]["Resources"][target]["Properties"]
        for each in properties["TargetGroupAttributes"]:
            if each["Key"] == key:
                each["Value"] = to

    return do


def task(name: str, key: str, to: Any) -> Break:
    """Return what sets a property of a container."""
    return lambda templates: container_named(templates, name).update({key: to})


def metric_of_agent(old: str, new: str) -> Break:
    """Return what changes the agent's configuration."""

    def do(templates: dict[str, Template]) -> None:
        for each in container_named(templates, "agent")["Environment"]:
            if each["Name"] == "CW_CONFIG_CONTENT":
                assert old in each["Value"]["Fn::Sub"]
                each["Value"]["Fn::Sub"] = each["Value"]["Fn::Sub"].replace(old, new)

    return do


def new_role(statement: dict[str, Any]) -> Break:
    """Return what adds a role with a statement."""
    policy = {
        "PolicyName": "x",
        "PolicyDocument": {"Statement": [{"Effect": "Allow", **statement}]},
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}
    return lambda templates: templates["platform"]["Resources"].update({"New": role})
