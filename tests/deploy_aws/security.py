"""What a stranger must not find. Each check returns what is wrong, as sentences."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.registry.settings import RegistrySettings
from shared.process.settings import Settings
from tests.deploy_aws.templates import (
    Template,
    Templates,
    containers,
    environment,
    mappings_with,
    resources,
    secrets,
    texts,
    unlike,
    value,
)
from tests.fixtures.settings_of_services import SETTINGS_OF_SERVICES

SETTINGS: Final[Mapping[str, type[Settings]]] = {
    **SETTINGS_OF_SERVICES,
    "migration": RegistrySettings,
}
"""Of each container of ours."""

_EVERYWHERE: Final = {"0.0.0.0/0", "::/0"}
_DEVICE_PORTS: Final = {(3100, 3100), (3200, 3200)}
_RESOLVED: Final = "{{resolve:secretsmanager:"
_PASSWORD_IN_ADDRESS: Final = re.compile(r"\w+://[^:/@\s]+:(?!\{\{resolve:secretsmanager:)[^@\s]+@")
_SECRET_TEXT: Final = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN|\b[0-9a-f]{40,}\b")
_PLAIN: Final = re.compile(r"^(ws|http|redis)://")


def public(templates: Templates) -> Iterator[str]:
    """Only the balancer of devices may be reached from outside, at the devices' ports."""
    for each in resources(templates, "ElasticLoadBalancingV2::LoadBalancer"):
        if each.properties.get("Scheme") != "internal" and each.title != "services/Devices":
            yield f"{each.title} is a public balancer"
    yield from unlike(templates, "RDS::DBInstance", "PubliclyAccessible", expected=False)
    yield from unlike(templates, "EC2::Subnet", "MapPublicIpOnLaunch", None)
    for each in resources(templates, "ECS::Service"):
        network = each.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        if network.get("AssignPublicIp") != "DISABLED" or "Public" in str(network["Subnets"]):
            yield f"{each.title} is in a public place"
    for each in resources(templates, "S3::Bucket"):
        blocked = each.properties.get("PublicAccessBlockConfiguration", {})
        if list(blocked.values()) != [True] * 4:
            yield f"{each.title} may be made public"
    yield from _open_routes(templates)
    yield from _open_groups(templates)


def _open_routes(templates: Templates) -> Iterator[str]:
    for each in resources(templates, "EC2::Route"):
        table = each.properties["RouteTableId"]["Ref"]
        if "GatewayId" in each.properties and table != "PublicRoutes":
            yield f"{each.title} leads private subnets to the internet"
    for each in resources(templates, "EC2::SubnetRouteTableAssociation"):
        subnet, table = (each.properties[key]["Ref"] for key in ("SubnetId", "RouteTableId"))
        if subnet.startswith("Private") != (table == "PrivateRoutes"):
            yield f"{each.title} gives {subnet} the routes {table}"


def _open_groups(templates: Templates) -> Iterator[str]:
    for each in resources(templates, "EC2::SecurityGroup"):
        for rule in each.properties.get("SecurityGroupIngress", []):
            source = value(templates[each.stack], rule.get("CidrIp", rule.get("CidrIpv6")))
            ports = (rule.get("FromPort"), rule.get("ToPort"))
            expected = each.title == "network/DeviceBalancer" and ports in _DEVICE_PORTS
            if source in _EVERYWHERE and not expected:
                yield f"{each.title} lets everybody in at {ports[0]}"
    for kind in ("EC2::SecurityGroupIngress", "RDS::DBSecurityGroup"):
        # The rules stand in their groups, where the check above sees them.
        yield from (f"{each.title} is a rule apart" for each in resources(templates, kind))


def unencrypted_at_rest(templates: Templates) -> Iterator[str]:
    """Stores that have a choice. Logs, secrets and images are always encrypted."""
    needed = {
        "RDS::DBInstance": "StorageEncrypted",
        "ElastiCache::ReplicationGroup": "AtRestEncryptionEnabled",
        "S3::Bucket": "BucketEncryption",
        "SNS::Topic": "KmsMasterKeyId",
    }
    for each in resources(templates):
        if each.type in needed and not each.properties.get(needed[each.type]):
            yield f"{each.title} has no {needed[each.type]}"


def unencrypted_on_the_way(templates: Templates) -> Iterator[str]:
    """TLS from end to end: balancers pass it on, both stores insist on it."""
    yield from unlike(templates, "ElasticLoadBalancingV2::Listener", "Protocol", "TCP")
    redis = "ElastiCache::ReplicationGroup"
    yield from unlike(templates, redis, "TransitEncryptionEnabled", expected=True)
    yield from unlike(templates, redis, "TransitEncryptionMode", "required")
    postgres = {"Ref": "PostgresSettings"}
    yield from unlike(templates, "RDS::DBInstance", "DBParameterGroupName", postgres)
    yield from unlike(templates, "RDS::DBParameterGroup", "Parameters", {"rds.force_ssl": "1"})
    policies = [each.properties for each in resources(templates, "S3::BucketPolicy")]
    for each in resources(templates, "S3::Bucket"):
        if not any(p["Bucket"] == {"Ref": each.name} and _is_tls_only(p) for p in policies):
            yield f"{each.title} can be read over plain HTTP"
    for each in resources(templates, "SecretsManager::Secret"):
        if any(_PLAIN.search(text) for text in texts(each.properties)):
            yield f"{each.title} is an address without TLS"
    for title, container in containers(templates):
        yield from (f"{title}: {problem}" for problem in _plain_settings(container))


def _is_tls_only(policy: Mapping[str, Any]) -> bool:
    return any(
        each["Effect"] == "Deny"
        and each.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for each in policy["PolicyDocument"]["Statement"]
    )


def _plain_settings(container: Mapping[str, Any]) -> Iterator[str]:
    settings = environment(container)
    if container["Name"] in ("gateway", "registry"):
        prefix = f"CHARGELIGHT_{container['Name'].upper()}_TLS"
        for name in (f"{prefix}_CERTIFICATE", f"{prefix}_KEY"):
            if not settings.get(name):
                yield f"{name} is missing"
    if "CHARGELIGHT_POSTGRES_DSN" in secrets(container) and not settings.get(
        "CHARGELIGHT_POSTGRES_TLS_CA"
    ):
        yield "it does not know Postgres' CA"
    for name, given in settings.items():
        if any(_PLAIN.search(text) for text in texts(given)):
            yield f"{name} is without TLS"
        if name.endswith("_TLS_VERIFY"):
            yield f"{name} is not for production"


def stars(templates: Templates) -> Iterator[str]:
    """A ``*`` in a policy has a reason: in the resource's Metadata, under the statement's Sid."""
    for each in resources(templates):
        reasons = each.body.get("Metadata", {}).get("Stars", {})
        starred = {
            statement.get("Sid", "a statement without a Sid")
            for statement in mappings_with(each.properties, "Effect")
            if any(
                "*" in text
                for key in ("Action", "NotAction", "Resource", "NotResource", "Principal")
                for text in texts(statement.get(key))
            )
        }
        for sid in sorted(starred - reasons.keys()):
            yield f"{each.title}: {sid} has a star without a reason"
        for sid in sorted(reasons.keys() - starred):
            yield f"{each.title}: {sid} has a reason and no star"
        if "ManagedPolicyArns" in each.properties:
            yield f"{each.title} has rights that are not written here"


def secrets_in_text(templates: Templates) -> Iterator[str]:
    """No secret is in a template or a parameter."""
    for each in resources(templates):
        for text in texts(each.body):
            if _SECRET_TEXT.search(text) or _PASSWORD_IN_ADDRESS.search(text):
                yield f"{each.title} has a secret in it"
        for key in ("MasterUserPassword", "Passwords", "SecretString", "AuthToken"):
            if key in each.properties and not any(
                _RESOLVED in text for text in texts(each.properties[key])
            ):
                yield f"{each.title}: {key} is not from Secrets Manager"
    for stack, template in templates.items():
        yield from (f"{stack}: {problem}" for problem in _secret_parameters(template))


def _secret_parameters(template: Template) -> Iterator[str]:
    for name, parameter in template.get("Parameters", {}).items():
        if parameter.get("NoEcho") or re.search("Password|Secret|Token", name):
            yield f"the parameter {name} is a secret"


def wrong_variables(templates: Templates) -> Iterator[str]:
    """Each variable is a setting of its service; what may be a secret comes as one."""
    for title, container in containers(templates):
        settings = SETTINGS.get(container["Name"])
        plain, secret = environment(container), secrets(container)
        named = {name for name in (*plain, *secret) if name.startswith("CHARGELIGHT_")}
        if settings is None:
            yield from (f"{title} has no setting {name}" for name in sorted(named))
            continue
        yield from (
            f"{title} has no setting {name}" for name in sorted(named - set(settings.variables()))
        )
        both = settings.secret_variables().keys() & plain.keys()
        yield from (f"{title} shows {name} to everybody" for name in sorted(both))
