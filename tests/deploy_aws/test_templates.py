"""The templates keep what they promise; and each check is seen to find a template that does not."""

import copy
import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.deploy_aws import operation, security
from tests.deploy_aws.broken import BROKEN, Check, P
from tests.deploy_aws.changes import Break
from tests.deploy_aws.templates import agent_config, load

TEMPLATES: Final = load()
ROOT: Final = Path(__file__).parents[2]

CHECKS: Final[tuple[Check, ...]] = (
    security.public,
    security.unencrypted_at_rest,
    security.unencrypted_on_the_way,
    security.stars,
    security.secrets_in_text,
    security.wrong_variables,
    operation.wrong_imports,
    operation.wrong_times,
    operation.careless_services,
    operation.careless_stores,
    operation.wrong_redis_users,
    operation.wrong_metrics,
    operation.silent_alarms,
    operation.foreign_names,
    operation.unpushed_images,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_templates_pass(check: Check) -> None:
    assert list(check(TEMPLATES)) == []


@pytest.mark.parametrize(
    ("check", "do"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN]
)
def test_a_broken_template_is_found(check: Check, do: Break) -> None:
    templates = copy.deepcopy(TEMPLATES)
    do(templates)
    assert list(check(templates)) != []


def test_every_check_is_seen_to_find_something() -> None:
    assert {check for _, check, _ in BROKEN} == set(CHECKS)


def test_the_document_has_all_stacks_in_an_order_that_works() -> None:
    text = (ROOT / "docs/deploy-aws.md").read_text("utf-8")
    named = re.findall(r"^\| \d+ \| \[`([\w-]+)\.yml`\]", text, re.MULTILINE)
    assert sorted(named) == sorted(TEMPLATES)
    assert list(operation.too_early(TEMPLATES, named)) == []
    assert list(operation.too_early(TEMPLATES, [named[1], named[0], *named[2:]])) != []


def unknown_parameters(text: str) -> list[str]:
    """Return the parameters that a text gives to stacks which have no such ones."""
    given = re.findall(r"\bstack ([\w-]+)((?: \"?\w+=[^\s`;]+)+)", text)
    return [
        f"{stack}: {name}"
        for stack, words in given
        for name in re.findall(r" \"?(\w+)=", words)
        if name not in TEMPLATES[stack]["Parameters"]
    ]


def test_the_document_gives_stacks_parameters_that_they_have() -> None:
    text = (ROOT / "docs/deploy-aws.md").read_text("utf-8")
    assert unknown_parameters(text) == []
    wrong = 'stack services "Version=$VERSION" Bootstraps=no; `stack data Nat=yes`'
    assert unknown_parameters(wrong) == ["services: Bootstraps", "data: Nat"]


def test_the_agent_asks_each_service_at_its_health_port() -> None:
    config = agent_config(TEMPLATES)["logs"]["metrics_collected"]["prometheus"]
    asked = {
        each["sd_service_name_pattern"].strip("^$"): int(each["sd_metrics_ports"])
        for each in config["ecs_service_discovery"]["service_name_list_for_tasks"]
    }
    names = ("gateway", "router", "registry", "canary")
    ports = {name: security.SETTINGS[name].model_fields["health_port"].default for name in names}
    assert asked == ports


def test_the_pipelines_deploy_templates_with_their_own_parameters() -> None:
    for stack in ("pipeline", "data-pipeline"):
        for stage in TEMPLATES[stack]["Resources"]["Pipeline"][P]["Stages"]:
            for action in stage["Actions"]:
                configuration = action["Configuration"]
                if "TemplatePath" not in configuration:
                    continue
                name = Path(configuration["TemplatePath"]).stem
                given = json.loads(configuration["ParameterOverrides"]["Fn::Sub"])
                assert given.keys() == TEMPLATES[name]["Parameters"].keys(), name


def test_the_pipeline_checks_with_the_script_of_all_and_migrates_before_it_deploys() -> None:
    found = TEMPLATES["pipeline"]["Resources"]
    assert '[".ci/run"]' in found["Check"][P]["Source"]["BuildSpec"]
    stages = [each["Name"] for each in found["Pipeline"][P]["Stages"]]
    assert stages == ["Source", "Check", "Images", "Migrate", "Deploy"]
