"""Creates the stacks in an emulator of AWS (ministack), and prints what came of it, as JSON.

    unshare -rn python -m tests.deploy_aws.emulator

The emulator opens ports on all addresses, so it runs where there is no network: `unshare` gives it
one of its own. It knows no scaling, no pipelines, and no alarms that calculate or are made of
others: these are left out.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from xml.etree import ElementTree as ET

from tests.deploy_aws.templates import load

REGION: Final = "eu-central-1"
_ADDRESS: Final = "http://127.0.0.1:4566/"
_DEADLINE_SECONDS: Final = 60
_BRING_UP: Final = (0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
"""The request SIOCSIFFLAGS for `lo`, with IFF_UP and IFF_RUNNING."""
_CERTIFICATES: Final = (
    f"arn:aws:secretsmanager:{REGION}:000000000000:secret:chargelight/certificates-abcdef"
)
PARAMETERS: Final[dict[str, dict[str, str]]] = {
    "network": {},
    "data": {},
    "platform": {"Certificates": _CERTIFICATES},
    "migration": {"Certificates": _CERTIFICATES, "Version": "one"},
    "services": {"Certificates": _CERTIFICATES, "Version": "one", "HubName": "hub.example.org"},
    "observability": {"AgentVersion": "one"},
}
UNKNOWN: Final = {"AWS::CloudWatch::CompositeAlarm"}
FAILING: Final = {
    "Type": "AWS::IAM::Policy",
    "DependsOn": ["GatewayService", "RouterService", "RegistryService", "CanaryService"],
    "Properties": {
        "PolicyName": "x",
        "Roles": ["no-such-role"],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}],
        },
    },
}
"""A resource that cannot be made, when all others are: there is no such role."""


def main() -> None:
    """Run the scenario."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, *_BRING_UP)
    with _emulator():
        print(json.dumps(_scenario()))  # noqa: T201 - its result


def _scenario() -> dict[str, Any]:
    created = {name: _create(name, template(name)) for name in PARAMETERS}
    return {
        "created": created,
        "redis_url": _secret("chargelight/redis-gateway-url"),
        "tasks": _tasks(),
        "changes": _changes("services", Version="two"),
        "deletion": _call("DeleteStack", StackName="chargelight-network"),
        "after_deletion": _status("network"),
        "failure": _fail("services", Version="three"),
        "after_failure": _tasks(),
    }


def template(name: str, **more: Any) -> str:
    """Return a template as JSON, without what the emulator does not know, and with more."""
    found = load()[name]
    known = {
        key: each
        for key, each in found["Resources"].items()
        # An alarm with "Metrics" calculates.
        if each["Type"] not in UNKNOWN
        and not (each["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in each["Properties"])
    }
    return json.dumps(found | {"Resources": known | more})


@contextmanager
def _emulator() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "DOCKER_HOST": f"unix://{folder}/none",  # it would start containers
            "HOME": folder,
            "MINISTACK_REGION": REGION,
            "STATE_DIR": f"{folder}/state",
            "TMPDIR": folder,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(process)
            yield
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError):
            _call("ListStacks")
            return
        time.sleep(0.1)
    raise RuntimeError("the emulator does not answer")


def _request(service: str, body: bytes, **headers: str) -> str:
    credential = f"test/20260101/{REGION}/{service}/aws4_request"
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    )
    request = urllib.request.Request(_ADDRESS, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            text: str = answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
    return text


def _call(action: str, **parameters: str) -> str:
    form = {"Action": action, "Version": "2010-05-15", **parameters}
    return _request("cloudformation", urllib.parse.urlencode(form).encode())


def _json(service: str, target: str, **parameters: Any) -> Any:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    return json.loads(_request(service, json.dumps(parameters).encode(), **headers))


def _found(answer: str, name: str) -> list[str]:
    root = ET.fromstring(answer)  # noqa: S314 - of our own emulator
    return [each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == name]


def _with(parameters: dict[str, str]) -> dict[str, str]:
    form = {"Capabilities.member.1": "CAPABILITY_NAMED_IAM"}
    for number, (key, text) in enumerate(parameters.items(), start=1):
        form[f"Parameters.member.{number}.ParameterKey"] = key
        form[f"Parameters.member.{number}.ParameterValue"] = text
    return form


def _settled(name: str, answer: str) -> str:
    end = time.monotonic() + _DEADLINE_SECONDS
    while (status := _status(name)).endswith("_IN_PROGRESS") and time.monotonic() < end:
        time.sleep(0.05)
    return status or answer


def _status(name: str) -> str:
    return "".join(_found(_call("DescribeStacks", StackName=f"chargelight-{name}"), "StackStatus"))


def _create(name: str, body: str) -> str:
    form = _with(PARAMETERS[name])
    return _settled(
        name, _call("CreateStack", StackName=f"chargelight-{name}", TemplateBody=body, **form)
    )


def _changes(name: str, **parameters: str) -> list[str]:
    names = {"StackName": f"chargelight-{name}", "ChangeSetName": "next"}
    form = _with(PARAMETERS[name] | parameters)
    _call("CreateChangeSet", TemplateBody=template(name), **names, **form)
    end = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < end:
        answer = _call("DescribeChangeSet", **names)
        if _found(answer, "Status") == ["CREATE_COMPLETE"]:
            return sorted(set(_found(answer, "LogicalResourceId")))
        time.sleep(0.05)
    return [answer]


def _fail(name: str, **parameters: str) -> str:
    form = _with(PARAMETERS[name] | parameters)
    body = template(name, Failing=FAILING)
    answer = _call("UpdateStack", StackName=f"chargelight-{name}", TemplateBody=body, **form)
    return _settled(name, answer)


def _secret(name: str) -> str:
    answer = _json("secretsmanager", "secretsmanager.GetSecretValue", SecretId=name)
    return str(answer.get("SecretString", answer))


def _tasks() -> dict[str, Any]:
    """Return what each service runs: its image's tag, and where."""
    target = "AmazonEC2ContainerServiceV20141113"
    names = ["gateway", "router", "registry", "canary"]
    services = _json("ecs", f"{target}.DescribeServices", cluster="chargelight", services=names)
    found = {}
    for service in services["services"]:
        definition = _json(
            "ecs", f"{target}.DescribeTaskDefinition", taskDefinition=service["taskDefinition"]
        )["taskDefinition"]
        network = service["networkConfiguration"]["awsvpcConfiguration"]
        found[service["serviceName"]] = {
            "version": definition["containerDefinitions"][-1]["image"].rpartition(":")[2],
            "secrets": [
                each["ValueFrom"] for each in definition["containerDefinitions"][-1]["secrets"]
            ],
            "subnets": network["subnets"],
            "groups": network["securityGroups"],
        }
    return found


if __name__ == "__main__":
    main()
