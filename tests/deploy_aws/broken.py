"""Templates that are wrong in one place each, with the check that finds it."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.deploy_aws import operation, security
from tests.deploy_aws.changes import (
    Break,
    attribute,
    metric_of_agent,
    new_role,
    put,
    task,
    variable,
)
from tests.deploy_aws.templates import Templates

Check = Callable[[Templates], Iterator[str]]

EVERYBODY: Final = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "CidrIp": "0.0.0.0/0"}
P: Final = "Properties"

BROKEN: Final[list[tuple[str, Check, Break]]] = [
    (
        "public REST",
        security.public,
        put("services", "Internal", P, "Scheme", to="internet-facing"),
    ),
    ("public Postgres", security.public, put("data", "Postgres", P, "PubliclyAccessible", to=None)),
    (
        "public task",
        security.public,
        put(
            "services",
            "RouterService",
            P,
            "NetworkConfiguration",
            "AwsvpcConfiguration",
            "AssignPublicIp",
            to="ENABLED",
        ),
    ),
    (
        "open Redis",
        security.public,
        put("network", "RedisGroup", P, "SecurityGroupIngress", to=[EVERYBODY]),
    ),
    (
        "open by a parameter",
        security.public,
        lambda t: t["network"]["Parameters"]["OperatorAddresses"].update(Default="0.0.0.0/0"),
    ),
    (
        "health open to devices",
        security.public,
        put("network", "DeviceBalancer", P, "SecurityGroupIngress", 0, "ToPort", to=3101),
    ),
    (
        "private subnet with public routes",
        security.public,
        put("network", "PrivateRoutesB", P, "RouteTableId", to={"Ref": "PublicRoutes"}),
    ),
    (
        "private routes to the internet",
        security.public,
        put("network", "PublicRoute", P, "RouteTableId", to={"Ref": "PrivateRoutes"}),
    ),
    (
        "public addresses",
        security.public,
        put("network", "PublicA", P, "MapPublicIpOnLaunch", to=True),
    ),
    (
        "public bucket",
        security.public,
        put(
            "platform",
            "Artifacts",
            P,
            "PublicAccessBlockConfiguration",
            "BlockPublicAcls",
            to=False,
        ),
    ),
    (
        "plain disk",
        security.unencrypted_at_rest,
        put("data", "Postgres", P, "StorageEncrypted", to=False),
    ),
    (
        "plain Redis memory",
        security.unencrypted_at_rest,
        put("data", "Redis", P, "AtRestEncryptionEnabled", to=None),
    ),
    (
        "plain bucket",
        security.unencrypted_at_rest,
        put("platform", "Artifacts", P, "BucketEncryption", to=None),
    ),
    (
        "plain topic",
        security.unencrypted_at_rest,
        put("observability", "Page", P, "KmsMasterKeyId", to=None),
    ),
    (
        "Redis without TLS",
        security.unencrypted_on_the_way,
        put("data", "Redis", P, "TransitEncryptionEnabled", to=False),
    ),
    (
        "Redis with and without",
        security.unencrypted_on_the_way,
        put("data", "Redis", P, "TransitEncryptionMode", to="preferred"),
    ),
    (
        "Postgres without TLS",
        security.unencrypted_on_the_way,
        put("data", "PostgresSettings", P, "Parameters", to={}),
    ),
    (
        "Postgres with other settings",
        security.unencrypted_on_the_way,
        put("data", "Postgres", P, "DBParameterGroupName", to="default.postgres17"),
    ),
    (
        "plain address of Redis",
        security.unencrypted_on_the_way,
        put(
            "data", "RedisGatewayUrl", P, "SecretString", to="redis://{{resolve:secretsmanager:x}}"
        ),
    ),
    (
        "TLS ends at the balancer",
        security.unencrypted_on_the_way,
        put("services", "WidgetListener", P, "Protocol", to="TLS"),
    ),
    (
        "gateway without a certificate",
        security.unencrypted_on_the_way,
        variable("gateway", "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE", ""),
    ),
    (
        "registry without Postgres' CA",
        security.unencrypted_on_the_way,
        variable("registry", "CHARGELIGHT_POSTGRES_TLS_CA", ""),
    ),
    (
        "plain canary",
        security.unencrypted_on_the_way,
        variable("canary", "CHARGELIGHT_CANARY_WIDGETS_URL", "ws://hub:3200"),
    ),
    (
        "unchecked certificates",
        security.unencrypted_on_the_way,
        variable("gateway", "CHARGELIGHT_REDIS_TLS_VERIFY", "false"),
    ),
    (
        "bucket over HTTP",
        security.unencrypted_on_the_way,
        put("platform", "ArtifactsOverTls", P, "PolicyDocument", "Statement", to=[]),
    ),
    (
        "star without a reason",
        security.stars,
        new_role({"Sid": "All", "Action": "s3:GetObject", "Resource": "*"}),
    ),
    (
        "star in an action",
        security.stars,
        new_role({"Action": "s3:*", "Resource": "arn:aws:s3:::x"}),
    ),
    (
        "reason without a star",
        security.stars,
        put("platform", "RouterExecution", "Metadata", "Stars", "Logs", to="why"),
    ),
    (
        "rights from elsewhere",
        security.stars,
        put(
            "platform", "RouterExecution", P, "ManagedPolicyArns", to=["arn:aws:iam::aws:policy/x"]
        ),
    ),
    (
        "written password",
        security.secrets_in_text,
        put("data", "Postgres", P, "MasterUserPassword", to="chargelight"),
    ),
    (
        "password in an address",
        security.secrets_in_text,
        put("services", "Internal", P, "Name", to="rediss://router:word@redis:6379"),
    ),
    ("key in a text", security.secrets_in_text, task("router", "Command", ["AKIA" + "A" * 16])),
    (
        "secret parameter",
        security.secrets_in_text,
        lambda t: t["data"]["Parameters"].update(OwnerPassword={"Type": "String"}),
    ),
    (
        "unknown setting",
        security.wrong_variables,
        variable("gateway", "CHARGELIGHT_GATEWAY_DRAIN_TIME", "60"),
    ),
    (
        "setting of another service",
        security.wrong_variables,
        variable("router", "CHARGELIGHT_GATEWAY_DRAIN_SECONDS", "60"),
    ),
    (
        "secret in the open",
        security.wrong_variables,
        variable("gateway", "CHARGELIGHT_CREDENTIAL_KEY", "x"),
    ),
    (
        "import of nothing",
        operation.wrong_imports,
        lambda t: t["data"]["Outputs"].pop("RedisRouterUrl"),
    ),
    (
        "export for nobody",
        operation.wrong_imports,
        lambda t: t["data"]["Outputs"].update(
            X={"Value": "x", "Export": {"Name": {"Fn::Sub": "${Hub}-X"}}}
        ),
    ),
    ("too little time to stop", operation.wrong_times, task("gateway", "StopTimeout", 110)),
    ("more than Fargate allows", operation.wrong_times, task("gateway", "StopTimeout", 130)),
    (
        "longer drain",
        operation.wrong_times,
        variable("gateway", "CHARGELIGHT_GATEWAY_DRAIN_SECONDS", "70"),
    ),
    (
        "workers take longer",
        operation.wrong_times,
        lambda t: (
            variable("gateway", "CHARGELIGHT_GATEWAY_WORKERS", "4")(t),
            variable("gateway", "CHARGELIGHT_GATEWAY_DRAIN_SECONDS", "63")(t),
        ),
    ),
    (
        "no leaving",
        operation.wrong_times,
        variable("gateway", "CHARGELIGHT_GATEWAY_LEAVE_SECONDS", "0"),
    ),
    (
        "balancer cuts early",
        operation.wrong_times,
        attribute("ChargerTargets", "deregistration_delay.timeout_seconds", "100"),
    ),
    (
        "unhealthy ones are cut early",
        operation.wrong_times,
        attribute("WidgetTargets", "target_health_state.unhealthy.draining_interval_seconds", "60"),
    ),
    (
        "unhealthy ones are cut at once",
        operation.wrong_times,
        attribute(
            "CanaryWidgetTargets",
            "target_health_state.unhealthy.connection_termination.enabled",
            "true",
        ),
    ),
    (
        "ready in place of accepting",
        operation.wrong_times,
        put("services", "ChargerTargets", P, "HealthCheckPath", to="/readyz"),
    ),
    (
        "notices too late",
        operation.wrong_times,
        put("services", "ChargerTargets", P, "HealthCheckIntervalSeconds", to=30),
    ),
    ("router killed at once", operation.wrong_times, task("router", "StopTimeout", 2)),
    (
        "no way back",
        operation.careless_services,
        put(
            "services",
            "GatewayService",
            P,
            "DeploymentConfiguration",
            "DeploymentCircuitBreaker",
            to={"Enable": True, "Rollback": False},
        ),
    ),
    (
        "fewer gateways while deploying",
        operation.careless_services,
        put(
            "services",
            "GatewayService",
            P,
            "DeploymentConfiguration",
            "MinimumHealthyPercent",
            to=50,
        ),
    ),
    ("root", operation.careless_services, task("router", "User", "0")),
    ("writable", operation.careless_services, task("router", "ReadonlyRootFilesystem", to=False)),
    ("capabilities", operation.careless_services, task("registry", "LinuxParameters", {})),
    (
        "role of a task",
        operation.careless_services,
        put("services", "RouterTask", P, "TaskRoleArn", to="arn:aws:iam::1:role/x"),
    ),
    ("deletion", operation.careless_stores, put("data", "Postgres", "DeletionPolicy", to="Delete")),
    (
        "no protection",
        operation.careless_stores,
        put("data", "Postgres", P, "DeletionProtection", to=False),
    ),
    ("one zone", operation.careless_stores, put("data", "Postgres", P, "MultiAZ", to=False)),
    (
        "no point in time",
        operation.careless_stores,
        put("data", "Postgres", P, "BackupRetentionPeriod", to=0),
    ),
    (
        "key that is lost",
        operation.careless_stores,
        put("data", "CredentialKey", "DeletionPolicy", to="Delete"),
    ),
    (
        "eviction",
        operation.careless_stores,
        put("data", "RedisSettings", P, "Properties", "maxmemory-policy", to="allkeys-lru"),
    ),
    (
        "default parameters",
        operation.careless_stores,
        put("data", "Redis", P, "CacheParameterGroupName", to="default.valkey8.cluster.on"),
    ),
    (
        "no replica",
        operation.careless_stores,
        put("data", "Redis", P, "ReplicasPerNodeGroup", to=0),
    ),
    (
        "logs for ever",
        operation.careless_stores,
        put("platform", "GatewayLogs", P, "RetentionInDays", to=None),
    ),
    (
        "other rights",
        operation.wrong_redis_users,
        put("data", "RedisRouter", P, "AccessString", to="on ~* &* +@all"),
    ),
    (
        "user without a group",
        operation.wrong_redis_users,
        put("data", "RedisUsers", P, "UserIds", to=[{"Ref": "RedisRouter"}]),
    ),
    (
        "too many metrics",
        operation.wrong_metrics,
        metric_of_agent("(right|late|wrong|dark)", "(right|late|wrong|dark|unknown)"),
    ),
    (
        "alarm without figures",
        operation.wrong_metrics,
        metric_of_agent("chargelight_directory_lag|", ""),
    ),
    (
        "scaling without figures",
        operation.wrong_metrics,
        put(
            "scaling",
            "GatewayConnections",
            P,
            "TargetTrackingScalingPolicyConfiguration",
            "CustomizedMetricSpecification",
            "MetricName",
            to="chargelight_devices",
        ),
    ),
    (
        "silent alarm",
        operation.silent_alarms,
        put("observability", "PendingOld", P, "AlarmActions", to=None),
    ),
    (
        "part of no alarm",
        operation.silent_alarms,
        put("observability", "LightsLate", P, "AlarmRule", to={"Fn::Sub": 'ALARM("${LateHour}")'}),
    ),
    (
        "no runbook",
        operation.silent_alarms,
        put("observability", "PendingOld", P, "AlarmDescription", to="docs/runbooks/Nothing.md"),
    ),
    (
        "name without the hub's",
        operation.foreign_names,
        put("services", "ChargerTargets", P, "Name", to="chargers"),
    ),
    ("another image", operation.unpushed_images, task("router", "Image", "router:latest")),
]
