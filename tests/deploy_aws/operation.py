"""What keeps lights on: times that fit together, stores that stay, alarms with figures."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from services.gateway.settings import GatewaySettings
from tests.deploy_aws.templates import (
    FOLDER,
    Templates,
    agent_config,
    container_named,
    containers,
    environment,
    imports,
    mappings_with,
    resources,
    texts,
    unlike,
)

MOST_CUSTOM_METRICS: Final = 20
FARGATE_STOP_SECONDS: Final = 120
_GATEWAYS: Final = {"Charger", "Widget", "CanaryCharger", "CanaryWidget"}
_ROOT: Final = Path(__file__).parents[2]


def wrong_imports(templates: Templates) -> Iterator[str]:
    """Each import is another stack's export; another stack imports each export."""
    exports: dict[str, str] = {}
    for stack, template in templates.items():
        for output in template.get("Outputs", {}).values():
            if "Export" in output:
                name = output["Export"]["Name"]["Fn::Sub"].removeprefix("${Hub}-")
                if name in exports:
                    yield f"{stack} and {exports[name]} export {name}"
                exports[name] = stack
    used: set[str] = set()
    for stack, template in templates.items():
        for name in sorted(set(imports(template))):
            used.add(name)
            if name not in exports:
                yield f"{stack} imports {name}, which nobody exports"
            elif exports[name] == stack:
                yield f"{stack} imports {name} from itself"
    # A script takes what it needs by `exported NAME`.
    used |= set(re.findall(r"exported (\w+)", (FOLDER / "migrate").read_text("utf-8")))
    yield from (f"nobody imports {name}" for name in sorted(exports.keys() - used))


def wrong_times(templates: Templates) -> Iterator[str]:
    """A gateway has time to leave and to drain, and no balancer cuts it off before."""
    gateway = container_named(templates, "gateway")
    settings = environment(gateway)
    leave, drain, workers = (
        float(settings.get(f"CHARGELIGHT_GATEWAY_{name}", default))
        for name, default in (("LEAVE_SECONDS", 0), ("DRAIN_SECONDS", 5), ("WORKERS", 1))
    )
    needed = GatewaySettings.model_construct(
        leave_seconds=leave, drain_seconds=drain, workers=int(workers)
    ).stop_seconds
    if gateway["StopTimeout"] < needed:
        yield f"a gateway needs {needed:g} s to stop"
    if leave < 30:
        yield "a gateway leaves before a network balancer has noticed"
    for title, each in containers(templates):
        if each.get("StopTimeout", 30) > FARGATE_STOP_SECONDS:
            yield f"{title} may not take so long to stop"
        if each["Name"] in ("router", "registry", "canary") and each["StopTimeout"] < 10:
            yield f"{title} has too little time to stop"
    for target in resources(templates, "ElasticLoadBalancingV2::TargetGroup"):
        if target.name.removesuffix("Targets") in _GATEWAYS:
            yield from (
                f"{target.title}: {each}" for each in _cuts(target.properties, leave, drain)
            )


def _cuts(target: dict[str, Any], leave: float, drain: float) -> Iterator[str]:
    given = {each["Key"]: each["Value"] for each in target["TargetGroupAttributes"]}
    for key in (
        "deregistration_delay.connection_termination.enabled",
        "target_health_state.unhealthy.connection_termination.enabled",
    ):
        if given.get(key) != "false":
            yield f"{key} is not false"
    for key in (
        "deregistration_delay.timeout_seconds",
        "target_health_state.unhealthy.draining_interval_seconds",
    ):
        if float(given.get(key, 0)) <= leave + drain:
            yield f"{key} is within leaving and draining"
    check = (target.get("HealthCheckProtocol"), target.get("HealthCheckPath"))
    if (*check, target.get("HealthCheckPort")) != ("HTTP", "/accepting", "3101"):
        yield "its health check is not /accepting"
    if target["HealthCheckIntervalSeconds"] * target["UnhealthyThresholdCount"] >= leave:
        yield "its health check notices too late"


def careless_services(templates: Templates) -> Iterator[str]:
    """A bad version is taken back; no service is shut down for another one; tasks are confined."""
    for each in resources(templates, "ECS::Service"):
        deployment = each.properties["DeploymentConfiguration"]
        if deployment.get("DeploymentCircuitBreaker") != {"Enable": True, "Rollback": True}:
            yield f"{each.title} does not go back to what worked"
        alone = each.name in ("CanaryService", "AgentService")
        if deployment["MinimumHealthyPercent"] != (0 if alone else 100):
            yield f"{each.title} has another number of tasks while it is deployed"
    for task in resources(templates, "ECS::TaskDefinition"):
        if "TaskRoleArn" in task.properties and task.name != "AgentTask":
            yield f"{task.title} has rights in AWS"
    for title, container in containers(templates):
        if container["Name"] != "agent":  # it writes files, and is not ours
            yield from (f"{title} {problem}" for problem in _unconfined(container))


def _unconfined(container: dict[str, Any]) -> Iterator[str]:
    if not container.get("ReadonlyRootFilesystem"):
        yield "can change its own files"
    if container.get("LinuxParameters", {}).get("Capabilities") != {"Drop": ["ALL"]}:
        yield "has capabilities"
    if container.get("User") and container["Name"] != "certificates":
        yield "has another user than its image"


def careless_stores(templates: Templates) -> Iterator[str]:
    """Postgres outlives mistakes, and Redis evicts nothing."""
    for kind, key in (
        ("RDS::DBInstance", "DeletionProtection"),
        ("RDS::DBInstance", "MultiAZ"),
        ("RDS::DBInstance", "BackupRetentionPeriod"),
        ("ElastiCache::ReplicationGroup", "MultiAZEnabled"),
        ("ElastiCache::ReplicationGroup", "AutomaticFailoverEnabled"),
        ("ElastiCache::ReplicationGroup", "ReplicasPerNodeGroup"),
        ("Logs::LogGroup", "RetentionInDays"),
    ):
        for each in resources(templates, kind):
            if not each.properties.get(key):
                yield f"{each.title} has no {key}"
    settings = {"Ref": "RedisSettings"}
    redis = "ElastiCache::ReplicationGroup"
    yield from unlike(templates, redis, "CacheParameterGroupName", settings)
    for each in resources(templates, "ElastiCache::ParameterGroup"):
        if each.properties["Properties"].get("maxmemory-policy") != "noeviction":
            yield f"{each.title} evicts keys"
    yield from _lost_with_a_stack(templates)


def _lost_with_a_stack(templates: Templates) -> Iterator[str]:
    for each in resources(templates):
        # Without the key of digests, every device would need a new secret.
        is_made_once = "GenerateSecretString" in each.properties
        if each.type == "RDS::DBInstance" or is_made_once:
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                if each.body.get(policy) not in ("Snapshot", "Retain"):
                    yield f"{each.title} has no {policy}"


def wrong_redis_users(templates: Templates) -> Iterator[str]:
    """Users have the rights of the file that is written from the code."""
    text = (_ROOT / "deploy/redis/users-cluster.acl").read_text("utf-8")
    rights = dict(re.findall(r"^user (\S+) (.*)$", text, re.MULTILINE))
    for each in resources(templates, "ElastiCache::User"):
        if each.properties["AccessString"] != rights[each.properties["UserName"]]:
            yield f"{each.title} has other rights than in users-cluster.acl"
    (group,) = resources(templates, "ElastiCache::UserGroup")
    users = {each.name for each in resources(templates, "ElastiCache::User")}
    if {each["Ref"] for each in group.properties["UserIds"]} != users:
        yield f"{group.title} has other users"


def custom_metrics(templates: Templates) -> set[tuple[str, ...]]:
    """Return the metrics that the agent makes: a name and the values of its dimensions."""
    config = agent_config(templates)["logs"]["metrics_collected"]["prometheus"]
    found: set[tuple[str, ...]] = set()
    for each in config["emf_processor"]["metric_declaration"]:
        assert each["dimensions"] == [each["source_labels"]]
        sets: list[tuple[str, ...]] = [()]
        for part in each["label_matcher"].strip("^$").split(";"):
            sets = [(*one, option) for one in sets for option in part.strip("()").split("|")]
        (selector,) = each["metric_selectors"]
        found |= {(name, *one) for name in selector.strip("^()$").split("|") for one in sets}
    return found


def wrong_metrics(templates: Templates) -> Iterator[str]:
    """There are few custom metrics; whatever looks at one looks at one that is made."""
    made = custom_metrics(templates)
    if len(made) > MOST_CUSTOM_METRICS:
        yield f"there are {len(made)} custom metrics"
    for each in resources(templates, "CloudWatch::Alarm"):
        for metric in _metrics_of(each.properties):
            name, *values = metric
            if name.startswith("chargelight_") and metric not in made:
                yield f"{each.title} looks at {name} of {values}"
    for each in resources(templates, "ApplicationAutoScaling::ScalingPolicy"):
        (tracking,) = (v for k, v in each.properties.items() if k.startswith("TargetTracking"))
        if custom := tracking.get("CustomizedMetricSpecification"):
            (metric,) = _metrics_of(custom)
            if metric not in made:
                yield f"{each.title} looks at {metric[0]}"
    for text in texts([each.properties for each in resources(templates, "CloudWatch::Dashboard")]):
        for name in set(re.findall(r"chargelight_\w+", text)) - {each[0] for each in made}:
            yield f"the dashboard looks at {name}"


def _metrics_of(node: Any) -> Iterator[tuple[str, ...]]:
    for each in mappings_with(node, "MetricName"):
        yield (each["MetricName"], *(str(one["Value"]) for one in each["Dimensions"]))


def silent_alarms(templates: Templates) -> Iterator[str]:
    """An alarm tells an operator, or is a part of one that does; its runbook is there."""
    parts = "".join(
        text
        for each in resources(templates, "CloudWatch::CompositeAlarm")
        for text in texts(each.properties["AlarmRule"])
    )
    for kind in ("Alarm", "CompositeAlarm"):
        for each in resources(templates, f"CloudWatch::{kind}"):
            if not each.properties.get("AlarmActions") and f"${{{each.name}}}" not in parts:
                yield f"{each.title} tells nobody"
            for page in re.findall(r"docs/runbooks/\w+\.md", each.properties["AlarmDescription"]):
                if not (_ROOT / page).is_file():
                    yield f"{each.title}: there is no {page}"


def foreign_names(templates: Templates) -> Iterator[str]:
    """What the pipeline may change begins with the hub's name, as its rights do."""
    for kind in ("LoadBalancer", "TargetGroup"):
        for each in resources(templates, f"ElasticLoadBalancingV2::{kind}"):
            name = "".join(texts(each.properties.get("Name")))
            # 32 characters at most, of which a hub's name has up to 19.
            if not re.fullmatch(r"\$\{Hub\}-[a-z-]{1,12}", name):
                yield f"{each.title} is named {name}"


def unpushed_images(templates: Templates) -> Iterator[str]:
    """The version is the only thing of an image that a deployment chooses."""
    for title, each in containers(templates):
        (image,) = texts(each["Image"])
        if not re.search(r"/\$\{Hub\}/[a-z-]+:\$\{(Agent)?Version\}$", image):
            yield f"{title} runs {image}"


def too_early(templates: Templates, names: list[str]) -> Iterator[str]:
    """Of stacks in an order, those that import what comes later."""
    exported: set[str] = set()
    for name in names:
        if missing := set(imports(templates[name])) - exported:
            yield f"{name} comes before {sorted(missing)}"
        outputs = templates[name].get("Outputs", {}).values()
        exports = [each["Export"]["Name"]["Fn::Sub"] for each in outputs if "Export" in each]
        exported |= {each.removeprefix("${Hub}-") for each in exports}
