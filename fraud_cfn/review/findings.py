"""What a security or a finance reviewer wants to see: switches, patterns and sizes that changed.

Read from resolved properties; a switch that a parameter decides may be one. A path reads as in the
details of a change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from fraud_cfn.review.diff import ABSENT, as_trees, paired
from fraud_cfn.review.pair import Pair, deciding
from fraud_cfn.review.patterns import widens
from fraud_cfn.review.resolve import Call, Text, Value, references, scalar
from fraud_cfn.review.schemas import Schema, schema

Properties = dict[str, Value]


@dataclass(frozen=True)
class Finding:
    """Something that was switched, opened or sized differently.

    `internet` findings come from `access`, the others from here.
    """

    kind: str  # encryption, logging, pattern, internet, cost
    logical_id: str
    path: str
    direction: str  # off, on · wider, narrower · down, up
    depends_on: tuple[str, ...] = ()  # the open variables, where it is not certain


def find(pair: Pair) -> list[Finding]:
    """Every finding, each once, in the templates' order: security first."""
    found = [*_patterns(pair)]
    for logical_id in pair.logical_ids:
        types = [side.template.type_of(logical_id) for side in (pair.before, pair.after)]
        looked_at = pair.looked_at(logical_id)
        having: dict[Finding, set[int]] = {}
        for number, world in enumerate(looked_at.seen):
            before = pair.before.properties(logical_id, world)
            after = pair.after.properties(logical_id, world)
            told: list[Finding] = []
            if before is not None and after is not None and types[0] == types[1]:
                told += _changed(logical_id, types[0], before, after)
            if before != after:
                told += _watched(logical_id, types, before, after)
            for finding in told:
                having.setdefault(finding, set()).add(number)
        found += [
            replace(
                finding,
                depends_on=(*finding.depends_on, *deciding(looked_at.seen, numbers, looked_at.sampled)),
            )
            for finding, numbers in having.items()
        ]
    order = ("encryption", "logging", "pattern", "cost")
    return sorted(found, key=lambda finding: order.index(finding.kind))


# ── Parameters ──


def _patterns(pair: Pair) -> Iterator[Finding]:
    after = pair.after.template.parameters
    for name, declaration in pair.before.template.parameters.items():
        if name not in after:
            continue
        old, new = (side.get("AllowedPattern") for side in (declaration, after[name]))
        if old == new:
            continue
        texts = [None if side is None else str(side) for side in (old, new)]
        # A pattern that cannot be compared counts as wider: nobody knows that it is not.
        if widens(texts[0], texts[1]) is not False:
            yield Finding("pattern", name, "AllowedPattern", "wider")
        elif widens(texts[1], texts[0]) is not False:
            yield Finding("pattern", name, "AllowedPattern", "narrower")


# ── What a value says: on or off, how much ──

_Reading = float | None  # None: nobody can tell
_Reader = Callable[[Value], _Reading]


def _is_open(value: Value) -> bool:
    return isinstance(value, Text | Call | dict | list)


def _flag(value: Value, absent: bool = False) -> _Reading:
    """`true`, by whatever form."""
    if value is ABSENT:
        return absent
    return None if _is_open(value) else scalar(value).lower() in ("true", "1", "enabled", "enable")


def _given(value: Value) -> _Reading:
    """Whether anything stands there; of a list how much."""
    return len(value) if isinstance(value, list) else value is not ABSENT and value not in ("", {})


def _logs(value: Value) -> _Reading:
    """Whether something is logged where that is told, by what it says of itself."""
    states = [state(child) for name, child, state in _log_flags(value)]
    return any(states) if states else _given(value)


def _log_flags(value: Value) -> Iterator[tuple[str, Value, _Reader]]:
    for name, child in value.items() if isinstance(value, dict) else ():
        if name in _LOG_FLAGS:
            yield name, child, _LOG_FLAGS[name]
        yield from _log_flags(child)


def _other(value: Value, texts: tuple[str, ...], absent: bool) -> _Reading:
    if value is ABSENT:
        return absent
    return None if _is_open(value) else scalar(value) not in texts


def _unless(*texts: str, absent: bool = False) -> _Reader:
    """On unless it is one of these; `absent`: what it is without a word."""
    return partial(_other, texts=texts, absent=absent)


def _number(value: Value, absent: _Reading = None) -> _Reading:
    """A number, with the units that ECS takes (`1 vCPU`, `2 GB`); `absent`: what AWS takes without one."""
    if value is ABSENT:
        return absent
    match = re.fullmatch(r"\s*(\d*\.?\d+)\s*(vcpu|gb)?\s*", scalar(value).lower())
    return None if match is None else float(match[1]) * (1024 if match[2] else 1)


_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge", "xlplus")


def _class_size(value: Value) -> _Reading:
    """An instance class's place among the sizes of its family: `db.r6g.2xlarge` is above `db.r6g.xlarge`."""
    for part in re.split(r"[._]", scalar(value).lower()):  # of `m5.large.search` the middle one
        if part in _SIZES:
            return _SIZES.index(part)
        if match := re.fullmatch(r"(?:metal-)?([1-9]\d*)x(?:l|large)?", part):
            return len(_SIZES) + int(match[1])
        if part == "metal":
            return float("inf")
    return None


_PRICE_CLASSES = ("PriceClass_100", "PriceClass_200", "PriceClass_All")


def _price_class(value: Value) -> _Reading:
    text = "PriceClass_All" if value is ABSENT else scalar(value)
    return _PRICE_CLASSES.index(text) if text in _PRICE_CLASSES else None


def _lifecycle(value: Value) -> _Reading:
    """Without one nothing is ever thrown away."""
    return value is ABSENT


def _at_rest(value: Value) -> _Reading:
    """A lifecycle rule that does nothing keeps things where they are."""
    return None if value is ABSENT else scalar(value) == "Disabled"


_on_by_default = partial(_flag, absent=True)
_endless = partial(_number, absent=float("inf"))


# ── Which property says what ──

_Rule = tuple[str, _Reader]  # kind, reader
_TLS = _unless("HTTP", "TCP", "UDP", "TCP_UDP")
# Beneath a property that is about logging.
_LOG_FLAGS: dict[str, _Reader] = {
    **dict.fromkeys(("Enabled", "EnableLogging", "IsLoggingEnabled", "General", "Audit"), _flag),
    **dict.fromkeys(("Level", "FieldLogLevel"), _unless("OFF", "NONE")),
}
# A property of that name, on any type and wherever it stands in it.
_ANYWHERE: dict[str, _Rule] = {
    **dict.fromkeys(
        (
            "AtRestEncryptionEnabled",
            "CacheDataEncrypted",
            "CloudWatchEncryptionEnabled",
            "EnableInterContainerTrafficEncryption",
            "Encrypted",
            "EncryptionSupport",
            "EnforceHTTPS",
            "KMSEncrypted",
            "RequireTLS",
            "RootVolumeEncryptionEnabled",
            "S3EncryptionEnabled",
            "SSEEnabled",
            "StorageEncrypted",
            "TransitEncryption",
            "TransitEncryptionEnabled",
            "UserVolumeEncryptionEnabled",
        ),
        ("encryption", _flag),
    ),
    **dict.fromkeys(("InCluster", "TLSEnabled"), ("encryption", _on_by_default)),
    **dict.fromkeys(
        ("BucketEncryption", "DeliveryStreamEncryptionConfigurationInput", "StreamEncryption"),
        ("encryption", _given),
    ),
    **dict.fromkeys(
        (
            "CatalogEncryptionMode",
            "CloudWatchEncryptionMode",
            "JobBookmarksEncryptionMode",
            "S3EncryptionMode",
        ),
        ("encryption", _unless("DISABLED")),
    ),
    # Kafka's clients speak TLS unless plain text is let in (the type's page).
    "ClientBroker": ("encryption", _unless("PLAINTEXT", "TLS_PLAINTEXT", absent=True)),
    "ClusterEndpointEncryptionType": ("encryption", _unless("NONE")),
    "EncryptionDisabled": ("encryption", _unless("true", absent=True)),
    "OriginProtocolPolicy": ("encryption", _unless("http-only", "match-viewer")),
    "SslSecurityProtocol": ("encryption", _unless("plaintext", absent=True)),
    "SslMode": ("encryption", _unless("none")),
    "ViewerProtocolPolicy": ("encryption", _unless("allow-all")),
    **dict.fromkeys(
        (
            "AccessLogConfiguration",
            "AccessLogSetting",
            "AccessLogSettings",
            "ConnectionLogOptions",
            "DeliveryStatusLogging",
            "EnableCloudwatchLogsExports",
            "EnabledTypes",
            "LogConfig",
            "LogConfiguration",
            "LogDelivery",
            "LogDeliveryConfigurations",
            "LogPublishingOptions",
            "LogUri",
            "Logging",
            "LoggingConfiguration",
            "LoggingInfo",
            "LoggingProperties",
            "LoggingRole",
            "QueryLoggingConfig",
            "StructuredLogDestinations",
        ),
        ("logging", _logs),
    ),
    **dict.fromkeys(("FlowLogsEnabled", "IsLogging"), ("logging", _flag)),
    "IngestionEnabled": ("logging", _on_by_default),
    "LoggingLevel": ("logging", _unless("OFF")),
    **dict.fromkeys(
        (
            "AllocatedCapacity",
            "AllocatedStorage",
            "AutomaticBackupRetentionDays",
            "BaseCapacity",
            "CacheClusterSize",
            "DedicatedMasterCount",
            "DesiredCapacity",
            "DesiredCount",
            "DesiredSize",
            "DesiredvCpus",
            "InitialInstanceCount",
            "InstanceCount",
            "MaxCapacity",
            "MaxSize",
            "MaxUnits",
            "MaxWorkerCount",
            "MaxWorkers",
            "MaxvCpus",
            "McuCount",
            "MemoryInMB",
            "MinCapacity",
            "MinSize",
            "MinUnits",
            "MinWorkerCount",
            "MinWorkers",
            "MinvCpus",
            "NumCacheClusters",
            "NumCacheNodes",
            "NumberOfBrokerNodes",
            "NumberOfNodes",
            "NumberOfWorkers",
            "ReadCapacityUnits",
            "ReplicasPerNodeGroup",
            "ReplicationFactor",
            "ShardCapacity",
            "ShardCount",
            "ShardInstanceCount",
            "SizeInGB",
            "StorageCapacity",
            "ThroughputCapacity",
            "TotalTargetCapacity",
            "VolumeSize",
            "VolumeSizeInGB",
            "WorkerCount",
            "WriteCapacityUnits",
        ),
        ("cost", _number),
    ),
    # What AWS takes where none is said: the type's page.
    **{
        name: ("cost", partial(_number, absent=absent))
        for name, absent in {
            "AutomatedSnapshotRetentionPeriod": 1,
            "BackupRetentionPeriod": 1,
            "CapacityUnits": 0,
            "DataRetentionInHours": 0,
            "DiskSize": 20,
            "Iops": 3000,
            "MaxAllocatedStorage": 0,
            "MemorySize": 128,
            "NumNodeGroups": 1,
            "NumReplicasPerShard": 1,
            "NumShards": 1,
            "PerformanceInsightsRetentionPeriod": 7,
            "ProvisionedConcurrentExecutions": 0,
            "ProvisionedThroughputInMibps": 0,
            "RetentionPeriodHours": 24,
            "SizeInGiB": 20,
            "SnapshotRetentionLimit": 0,
            "StorageThroughput": 125,
            "TaskCount": 1,
            "Throughput": 125,
            "WarmCount": 0,
        }.items()
    },
    **dict.fromkeys(
        ("DeleteAfterDays", "ExpirationInDays", "NoncurrentDays", "RetentionInDays", "countNumber"),
        ("cost", _endless),
    ),
    **dict.fromkeys(("CacheClusterEnabled", "MultiAZ", "PointInTimeRecoveryEnabled"), ("cost", _flag)),
    **dict.fromkeys(
        (
            "CacheNodeType",
            "ComputeType",
            "DBClusterInstanceClass",
            "DBInstanceClass",
            "DedicatedMasterType",
            "EnvironmentClass",
            "HostInstanceType",
            "InstanceType",
            "InstanceTypes",
            "NodeType",
            "ReplicationInstanceClass",
            "WarmType",
            "WorkerType",
        ),
        ("cost", _class_size),
    ),
    "PriceClass": ("cost", _price_class),
}
_DATABASE_SETTINGS: dict[str, _Rule | None] = {
    "Parameters.rds.force_ssl": ("encryption", _flag),
    **{
        f"Parameters.{name}": ("logging", _unless("0", "off", "OFF", "none", "NONE", "-1"))
        for name in (
            "general_log",
            "log_connections",
            "log_disconnections",
            "log_min_duration_statement",
            "log_statement",
            "pgaudit.log",
            "server_audit_logging",
            "slow_query_log",
        )
    },
    "Parameters.require_secure_transport": ("encryption", _unless("0", "OFF", "false")),
}
_SEARCH_DOMAIN: dict[str, _Rule | None] = {
    "EncryptionAtRestOptions.Enabled": ("encryption", _flag),
    "NodeToNodeEncryptionOptions.Enabled": ("encryption", _flag),
}
_FIXED_IOPS: dict[str, _Rule | None] = {"Iops": ("cost", partial(_number, absent=0))}
# Type → path → rule, where the name alone does not tell; None: that property says nothing by itself.
_HERE: dict[str, dict[str, _Rule | None]] = {
    "AWS::ACMPCA::CertificateAuthority": {"RevocationConfiguration.CrlConfiguration.ExpirationInDays": None},
    "AWS::AmazonMQ::Broker": {"Logs": ("logging", _logs)},
    "AWS::AppRunner::Service": {
        "InstanceConfiguration.Cpu": ("cost", _number),
        "InstanceConfiguration.Memory": ("cost", _number),
    },
    "AWS::Batch::JobDefinition": {"ContainerProperties.LogConfiguration": None},  # `awslogs` without one
    "AWS::CloudTrail::EventDataStore": {"RetentionPeriod": ("cost", _number)},
    "AWS::CloudTrail::Trail": {"KMSKeyId": ("encryption", _given)},
    "AWS::CodeBuild::Project": {
        "LogsConfig.CloudWatchLogs.Status": ("logging", _on_by_default),
        "LogsConfig.S3Logs.Status": ("logging", _flag),
    },
    "AWS::DocDB::DBClusterParameterGroup": {
        "Parameters.audit_logs": ("logging", _unless("disabled", "none")),
        "Parameters.tls": ("encryption", _unless("disabled", absent=True)),
    },
    "AWS::EC2::SpotFleet": {"SpotFleetRequestConfigData.TargetCapacity": ("cost", _number)},
    "AWS::EC2::Volume": {"Size": ("cost", _number)},
    "AWS::ECR::Repository": {"LifecyclePolicy": ("cost", _lifecycle)},
    "AWS::ECS::Cluster": {
        "Configuration.ExecuteCommandConfiguration.LogConfiguration": None,
        "Configuration.ExecuteCommandConfiguration.Logging": ("logging", _unless("NONE", absent=True)),
    },
    "AWS::ECS::TaskDefinition": {"Cpu": ("cost", _number), "Memory": ("cost", _number)},
    "AWS::EFS::FileSystem": {"Encrypted": ("encryption", _on_by_default)},
    "AWS::EKS::Cluster": {"EncryptionConfig": ("encryption", _given), "Logging": None},
    "AWS::ElasticLoadBalancing::LoadBalancer": {
        "Listeners[*].Protocol": ("encryption", _TLS),
        "AccessLoggingPolicy.Enabled": ("logging", _flag),
    },
    "AWS::ElasticLoadBalancingV2::Listener": {"Protocol": ("encryption", _TLS)},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        f"LoadBalancerAttributes[{name}].Value": ("logging", _flag)
        for name in ("access_logs.s3.enabled", "connection_logs.s3.enabled", "health_check_logs.s3.enabled")
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {"Protocol": ("encryption", _TLS)},
    "AWS::Elasticsearch::Domain": _SEARCH_DOMAIN,
    "AWS::Lambda::Function": {"EphemeralStorage.Size": ("cost", partial(_number, absent=512))},
    "AWS::Logs::LogGroup": {"KmsKeyId": ("encryption", _given)},
    "AWS::Neptune::DBClusterParameterGroup": {
        "Parameters.neptune_enable_audit_log": ("logging", _flag),
        "Parameters.neptune_enforce_ssl": ("encryption", _on_by_default),
    },
    "AWS::OpenSearchService::Domain": _SEARCH_DOMAIN,
    "AWS::RDS::DBCluster": _FIXED_IOPS,
    "AWS::RDS::DBClusterParameterGroup": _DATABASE_SETTINGS,
    "AWS::RDS::DBInstance": _FIXED_IOPS,
    "AWS::RDS::DBParameterGroup": _DATABASE_SETTINGS,
    "AWS::S3::Bucket": {"LifecycleConfiguration.Rules[*].Status": ("cost", _at_rest)},
    "AWS::SQS::Queue": {"SqsManagedSseEnabled": ("encryption", _on_by_default)},
    "AWS::SNS::Topic": {"KmsMasterKeyId": ("encryption", _given)},
    "AWS::StepFunctions::StateMachine": {
        "LoggingConfiguration": None,
        "LoggingConfiguration.Level": ("logging", _unless("OFF")),
    },
}
# Lists of settings: an item that is not there says what AWS takes without it.
_SETTINGS = ("LoadBalancerAttributes", "LifecycleConfiguration.Rules")
# Types that are nothing but logging.
_LOGGERS = frozenset(
    {
        "AWS::CloudTrail::Trail",
        "AWS::Cognito::LogDeliveryConfiguration",
        "AWS::EC2::FlowLog",
        "AWS::Logs::Delivery",
        "AWS::NetworkFirewall::LoggingConfiguration",
        "AWS::Route53Resolver::ResolverQueryLoggingConfig",
        "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation",
        "AWS::VpcLattice::AccessLogSubscription",
        "AWS::WAFv2::LoggingConfiguration",
    }
)


def _changed(logical_id: str, type_name: str, before: Properties, after: Properties) -> Iterator[Finding]:
    known = schema(type_name)
    if known and not type_name.startswith("Custom::"):  # else nobody knows what its properties mean
        if type_name == "AWS::SQS::Queue":
            yield from _queue_key(logical_id, before, after)
            if any("KmsMasterKeyId" in side for side in (before, after)):
                before, after = (
                    {name: value for name, value in side.items() if name != "SqsManagedSseEnabled"}
                    for side in (before, after)
                )
        yield from _told(_Place(logical_id, known), before, after)


@dataclass(frozen=True)
class _Place:
    """Where two values are compared; `kind`: of the nearest property above that has a rule."""

    logical_id: str
    schema: Schema
    path: str = ""
    steps: tuple[str, ...] = ()
    kind: str = ""

    def rule(self) -> _Rule | None:
        """The type's own rule, else that of the name."""
        here = _HERE.get(self.schema.type_name, {})
        for path in (self.path, re.sub(r"\[.*?\]", "[*]", self.path)):
            if path in here:
                return here[path]
        name = next((step for step in reversed(self.steps) if step != "*"), "")
        if self.kind == "logging" and name in _LOG_FLAGS:
            return "logging", _LOG_FLAGS[name]
        return _ANYWHERE.get(name)

    def beneath(self, path: str, step: str) -> _Place:
        """One step further, of that whole path."""
        rule = self.rule()
        return replace(self, path=path, steps=(*self.steps, step), kind=rule[0] if rule else self.kind)


def _told(place: _Place, before: Value, after: Value) -> Iterator[Finding]:
    """What a value and everything in it says differently, told at the highest place that says it."""
    before, after = as_trees(before, after)
    rule = place.rule()
    if rule and not all(side and isinstance(side, dict) for side in (before, after)):
        readings = [rule[1](before), rule[1](after)]
        found = list(_moved(rule[0], place.logical_id, place.path, *readings))
        yield from found or _may_move(rule[0], place, [before, after], readings)
        if found:
            return
    if before == after or any(isinstance(side, Text | Call) for side in (before, after)):
        return
    sides = [side if isinstance(side, dict) else {} for side in (before, after)]
    for name in {**sides[1], **sides[0]}:
        path = f"{place.path}.{name}" if place.path else name
        yield from _told(place.beneath(path, name), *(side.get(name, ABSENT) for side in sides))
    lists = [side if isinstance(side, list) else [] for side in (before, after)]
    for name, old, new in paired(lists[0], lists[1], place.schema.is_unordered(place.steps)):
        if ABSENT not in (old, new) or place.path in _SETTINGS:
            yield from _told(place.beneath(f"{place.path}[{name}]", "*"), old, new)


def _may_move(kind: str, place: _Place, values: list[Value], readings: list[_Reading]) -> Iterator[Finding]:
    """A switch that parameters decide on one side."""
    for is_after, value in enumerate(values):
        known = readings[not is_after]
        names = dict.fromkeys(reference.name for reference in references(value) if not reference.attribute)
        if names and readings[is_after] is None and isinstance(known, bool):
            may = (known, not known) if is_after else (not known, known)
            for finding in _moved(kind, place.logical_id, place.path, *may):
                yield replace(finding, depends_on=tuple(names))


def _queue_key(logical_id: str, before: Properties, after: Properties) -> Iterator[Finding]:
    """A queue's own key; what SQS does when it is taken away is said nowhere: only its own word counts."""
    if _given(before.get("KmsMasterKeyId", ABSENT)) is not _given(after.get("KmsMasterKeyId", ABSENT)):
        states = [
            _given(side.get("KmsMasterKeyId", ABSENT)) or _flag(side.get("SqsManagedSseEnabled", ABSENT))
            for side in (before, after)
        ]
        yield from _moved("encryption", logical_id, "KmsMasterKeyId", *states)


def _moved(kind: str, logical_id: str, path: str, before: _Reading, after: _Reading) -> Iterator[Finding]:
    if before is not None and after is not None and before != after:
        ways = ("down", "up") if kind == "cost" else ("off", "on")
        yield Finding(kind, logical_id, f"Properties.{path}", ways[after > before])


def _watched(
    logical_id: str, types: list[str], before: Properties | None, after: Properties | None
) -> Iterator[Finding]:
    """A resource that does nothing but logging, added or removed."""
    if types[0] in _LOGGERS and after is None:
        yield Finding("logging", logical_id, "Properties", "off")
    if types[1] in _LOGGERS and before is None:
        yield Finding("logging", logical_id, "Properties", "on")
