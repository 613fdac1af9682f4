"""What a security or a finance reviewer wants to see: switches, patterns and sizes that changed.

Read from resolved properties; what is open tells nothing. A path reads as in the details of a change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from fraud_cfn.review.pair import Pair, deciding
from fraud_cfn.review.patterns import widens
from fraud_cfn.review.resolve import Call, Text, Value, scalar

Properties = dict[str, Value]
_ABSENT = object()


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
                told += _switched(logical_id, types[0], before, after)
                told += _sized(logical_id, types[0], before, after)
            if before != after:
                told += _watched(logical_id, types, before, after)
            for finding in told:
                having.setdefault(finding, set()).add(number)
        found += [
            replace(finding, depends_on=deciding(looked_at.seen, numbers, looked_at.sampled))
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


# ── Encryption and logging: on or off ──

_State = bool | None  # None: nobody can tell


def _flag(value: Value) -> _State:
    """`true`, by whatever form; absent is off."""
    if value is _ABSENT:
        return False
    if isinstance(value, Text | Call | dict | list):
        return None
    return scalar(value).lower() in ("true", "1", "enabled")


def _given(value: Value) -> _State:
    """Whether anything stands there."""
    return value is not _ABSENT and value not in ("", [], {})


def _unless(*texts: str, absent: bool = False) -> Callable[[Value], _State]:
    """On unless it is one of these; `absent`: what it is without a word."""

    def state(value: Value) -> _State:
        if value is _ABSENT:
            return absent
        return None if isinstance(value, Text | Call | dict | list) else scalar(value) not in texts

    return state


def _on_by_default(value: Value) -> _State:
    return True if value is _ABSENT else _flag(value)


_Check = tuple[str, str, Callable[[Value], _State]]  # kind, path, state of the value there

_TLS = _unless("HTTP", "TCP", "UDP", "TCP_UDP")
_DATABASE_SETTINGS: tuple[_Check, ...] = (
    ("encryption", "Parameters/rds.force_ssl", _flag),
    ("encryption", "Parameters/require_secure_transport", _unless("0", "OFF", "false")),
)
_SEARCH_DOMAIN: tuple[_Check, ...] = (
    ("encryption", "EncryptionAtRestOptions/Enabled", _flag),
    ("encryption", "NodeToNodeEncryptionOptions/Enabled", _flag),
    ("encryption", "DomainEndpointOptions/EnforceHTTPS", _flag),
    ("logging", "LogPublishingOptions", _given),
)
_DATABASE: tuple[_Check, ...] = (
    ("encryption", "StorageEncrypted", _flag),
    ("logging", "EnableCloudwatchLogsExports", _given),
)
_SWITCHES: dict[str, tuple[_Check, ...]] = {
    "AWS::RDS::DBCluster": _DATABASE,
    "AWS::RDS::DBInstance": _DATABASE,
    "AWS::DocDB::DBCluster": _DATABASE,
    "AWS::Neptune::DBCluster": _DATABASE,
    "AWS::RDS::DBParameterGroup": _DATABASE_SETTINGS,
    "AWS::RDS::DBClusterParameterGroup": _DATABASE_SETTINGS,
    "AWS::RDS::DBProxy": (("encryption", "RequireTLS", _flag),),
    "AWS::S3::Bucket": (
        ("encryption", "BucketEncryption", _given),
        ("logging", "LoggingConfiguration", _given),
    ),
    "AWS::SNS::Topic": (("encryption", "KmsMasterKeyId", _given),),
    "AWS::EFS::FileSystem": (("encryption", "Encrypted", _on_by_default),),
    "AWS::EC2::Volume": (("encryption", "Encrypted", _flag),),
    "AWS::DynamoDB::Table": (("encryption", "SSESpecification/SSEEnabled", _flag),),
    "AWS::Kinesis::Stream": (("encryption", "StreamEncryption", _given),),
    "AWS::ElastiCache::ReplicationGroup": (
        ("encryption", "TransitEncryptionEnabled", _flag),
        ("encryption", "AtRestEncryptionEnabled", _flag),
        ("logging", "LogDeliveryConfigurations", _given),
    ),
    "AWS::OpenSearchService::Domain": _SEARCH_DOMAIN,
    "AWS::Elasticsearch::Domain": _SEARCH_DOMAIN,
    "AWS::DynamoDB::GlobalTable": (("encryption", "SSESpecification/SSEEnabled", _flag),),
    "AWS::DAX::Cluster": (("encryption", "SSESpecification/SSEEnabled", _flag),),
    "AWS::MemoryDB::Cluster": (("encryption", "TLSEnabled", _on_by_default),),
    "AWS::KinesisFirehose::DeliveryStream": (
        ("encryption", "DeliveryStreamEncryptionConfigurationInput", _given),
    ),
    "AWS::Redshift::Cluster": (
        ("encryption", "Encrypted", _flag),
        ("logging", "LoggingProperties", _given),
    ),
    "AWS::Logs::LogGroup": (("encryption", "KmsKeyId", _given),),
    "AWS::ElasticLoadBalancingV2::Listener": (("encryption", "Protocol", _TLS),),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (("encryption", "Protocol", _TLS),),
    "AWS::CloudTrail::Trail": (
        ("logging", "IsLogging", _flag),
        ("encryption", "KMSKeyId", _given),
    ),
    "AWS::ApiGateway::Stage": (("logging", "AccessLogSetting", _given),),
    "AWS::ApiGatewayV2::Stage": (("logging", "AccessLogSettings", _given),),
    "AWS::CloudFront::Distribution": (
        ("logging", "DistributionConfig/Logging", _given),
        ("encryption", "DistributionConfig/DefaultCacheBehavior/ViewerProtocolPolicy", _unless("allow-all")),
    ),
    "AWS::StepFunctions::StateMachine": (("logging", "LoggingConfiguration/Level", _unless("OFF")),),
    "AWS::ECS::Cluster": (
        ("logging", "Configuration/ExecuteCommandConfiguration/Logging", _unless("NONE", absent=True)),
    ),
    "AWS::EKS::Cluster": (
        ("logging", "Logging/ClusterLogging/EnabledTypes", _given),
        ("encryption", "EncryptionConfig", _given),
    ),
    "AWS::MSK::Cluster": (
        ("logging", "LoggingInfo", _given),
        # Kafka's clients speak TLS unless plain text is let in (the type's page).
        (
            "encryption",
            "EncryptionInfo/EncryptionInTransit/ClientBroker",
            _unless("PLAINTEXT", "TLS_PLAINTEXT", absent=True),
        ),
    ),
    "AWS::AppSync::GraphQLApi": (("logging", "LogConfig", _given),),
    "AWS::ElasticLoadBalancing::LoadBalancer": (("logging", "AccessLoggingPolicy/Enabled", _flag),),
    "AWS::Route53::HostedZone": (("logging", "QueryLoggingConfig", _given),),
}
_LOAD_BALANCER_LOGS = ("access_logs.s3.enabled", "connection_logs.s3.enabled")
# Types that are nothing but logging.
_LOGGERS = frozenset(
    {
        "AWS::EC2::FlowLog",
        "AWS::CloudTrail::Trail",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::Route53Resolver::ResolverQueryLoggingConfig",
        "AWS::NetworkFirewall::LoggingConfiguration",
    }
)


def _switched(logical_id: str, type_name: str, before: Properties, after: Properties) -> Iterator[Finding]:
    for kind, path, state in _SWITCHES.get(type_name, ()):
        yield from _switch(kind, logical_id, _dotted(path), state(_at(before, path)), state(_at(after, path)))
    if type_name == "AWS::SQS::Queue":
        yield from _queue_encryption(logical_id, before, after)
    if type_name == "AWS::ElasticLoadBalancingV2::LoadBalancer":
        sides = [_by_key(side.get("LoadBalancerAttributes"), "Key") for side in (before, after)]
        for name in _LOAD_BALANCER_LOGS:
            states = [_flag(side.get(name, {}).get("Value", _ABSENT)) for side in sides]
            path = f"Properties.LoadBalancerAttributes[{name}].Value"
            yield from _switch("logging", logical_id, path, *states)
    if type_name == "AWS::ECS::TaskDefinition":
        sides = [_by_key(side.get("ContainerDefinitions"), "Name") for side in (before, after)]
        for name in sides[0].keys() & sides[1].keys():
            states = [_given(side[name].get("LogConfiguration", _ABSENT)) for side in sides]
            path = f"Properties.ContainerDefinitions[{name}].LogConfiguration"
            yield from _switch("logging", logical_id, path, *states)
        sides = [_by_key(side.get("Volumes"), "Name") for side in (before, after)]
        for name in sides[0].keys() & sides[1].keys():
            path = "EFSVolumeConfiguration/TransitEncryption"
            states = [_flag(_at(side[name], path)) for side in sides]
            full = f"Properties.Volumes[{name}].{path.replace('/', '.')}"
            yield from _switch("encryption", logical_id, full, *states)


def _queue_encryption(logical_id: str, before: Properties, after: Properties) -> Iterator[Finding]:
    """A queue's own key, else SQS's: without a word about either SQS encrypts (the type's page)."""
    keys = [_given(side.get("KmsMasterKeyId", _ABSENT)) for side in (before, after)]
    managed = [side.get("SqsManagedSseEnabled", _ABSENT) for side in (before, after)]
    if keys[0] is not keys[1]:
        # What SQS does with a queue whose key is taken away is said nowhere: only its own word counts.
        states = [True if key else _flag(said) for key, said in zip(keys, managed, strict=True)]
        yield from _switch("encryption", logical_id, "Properties.KmsMasterKeyId", *states)
    elif not keys[0]:
        states = [_on_by_default(said) for said in managed]
        yield from _switch("encryption", logical_id, "Properties.SqsManagedSseEnabled", *states)


def _switch(kind: str, logical_id: str, path: str, before: _State, after: _State) -> Iterator[Finding]:
    if before is not after and None not in (before, after):
        yield Finding(kind, logical_id, path, "on" if after else "off")


def _watched(
    logical_id: str, types: list[str], before: Properties | None, after: Properties | None
) -> Iterator[Finding]:
    """A resource that does nothing but logging, added or removed."""
    if types[0] in _LOGGERS and before is not None and after is None:
        yield Finding("logging", logical_id, "Properties", "off")
    if types[1] in _LOGGERS and after is not None and before is None:
        yield Finding("logging", logical_id, "Properties", "on")


# ── The bill ──

_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")


def _number(value: Value) -> float | None:
    """A number, with the units that ECS takes (`1 vCPU`, `2 GB`)."""
    if isinstance(value, Text | Call | dict | list) or value is _ABSENT:
        return None
    match = re.fullmatch(r"\s*([0-9.]+)\s*(vcpu|gb)?\s*", scalar(value).lower())
    try:
        return None if match is None else float(match[1]) * (1024 if match[2] else 1)
    except ValueError:
        return None


def _or_zero(value: Value) -> float | None:
    return 0 if value is _ABSENT else _number(value)


def _or_endless(value: Value) -> float | None:
    """Days that something is kept; without a word: for ever."""
    return float("inf") if value is _ABSENT else _number(value)


def _yes(value: Value) -> float | None:
    state = _flag(value)
    return None if state is None else float(state)


def _class_size(value: Value) -> float | None:
    """An instance class's size within its family: `db.r6g.2xlarge` is twice `db.r6g.xlarge`."""
    if isinstance(value, Text | Call | dict | list) or value is _ABSENT:
        return None
    for part in scalar(value).split("."):  # of `m5.large.search` the middle one
        if part in _SIZES:
            return float(2 ** _SIZES.index(part))
        if match := re.fullmatch(r"(\d+)xlarge", part):
            return 32.0 * int(match[1])
        if part.startswith("metal"):
            return 1e6
    return None


_CLASS_ORDER = ("PriceClass_100", "PriceClass_200", "PriceClass_All")


def _price_class(value: Value) -> float | None:
    text = "PriceClass_All" if value is _ABSENT else scalar(value)
    return float(_CLASS_ORDER.index(text)) if text in _CLASS_ORDER else None


_Size = Callable[[Value], float | None]
_STORAGE: tuple[tuple[str, _Size], ...] = (
    ("AllocatedStorage", _number),
    ("Iops", _or_zero),
    ("StorageThroughput", _or_zero),
    ("BackupRetentionPeriod", _or_zero),
    ("PerformanceInsightsRetentionPeriod", _or_zero),
)
_BILLED: dict[str, tuple[tuple[str, _Size], ...]] = {
    "AWS::ECS::TaskDefinition": (
        ("Cpu", _number),
        ("Memory", _number),
        ("EphemeralStorage/SizeInGiB", _or_zero),
    ),
    "AWS::ECS::Service": (("DesiredCount", _number),),
    "AWS::ApplicationAutoScaling::ScalableTarget": (("MinCapacity", _number), ("MaxCapacity", _number)),
    "AWS::RDS::DBCluster": (
        ("ServerlessV2ScalingConfiguration/MinCapacity", _number),
        ("ServerlessV2ScalingConfiguration/MaxCapacity", _number),
        ("ScalingConfiguration/MinCapacity", _number),
        ("ScalingConfiguration/MaxCapacity", _number),
        ("DBClusterInstanceClass", _class_size),
        *_STORAGE,
    ),
    "AWS::RDS::DBInstance": (
        ("DBInstanceClass", _class_size),
        ("MultiAZ", _yes),
        ("MaxAllocatedStorage", _or_zero),
        *_STORAGE,
    ),
    "AWS::DocDB::DBInstance": (("DBInstanceClass", _class_size),),
    "AWS::DocDB::DBCluster": (("BackupRetentionPeriod", _or_zero),),
    "AWS::Neptune::DBInstance": (("DBInstanceClass", _class_size),),
    "AWS::Neptune::DBCluster": (
        ("BackupRetentionPeriod", _or_zero),
        ("ServerlessScalingConfiguration/MinCapacity", _number),
        ("ServerlessScalingConfiguration/MaxCapacity", _number),
    ),
    "AWS::Logs::LogGroup": (("RetentionInDays", _or_endless),),
    "AWS::DynamoDB::Table": (
        ("ProvisionedThroughput/ReadCapacityUnits", _number),
        ("ProvisionedThroughput/WriteCapacityUnits", _number),
        ("PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", _yes),
    ),
    "AWS::EC2::Instance": (("InstanceType", _class_size),),
    "AWS::EC2::Volume": (("Size", _number), ("Iops", _or_zero), ("Throughput", _or_zero)),
    "AWS::EC2::LaunchTemplate": (("LaunchTemplateData/InstanceType", _class_size),),
    "AWS::AutoScaling::AutoScalingGroup": (
        ("MinSize", _number),
        ("MaxSize", _number),
        ("DesiredCapacity", _number),
    ),
    "AWS::ElastiCache::CacheCluster": (
        ("CacheNodeType", _class_size),
        ("NumCacheNodes", _number),
        ("SnapshotRetentionLimit", _or_zero),
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        ("CacheNodeType", _class_size),
        ("NumCacheClusters", _number),
        ("NumNodeGroups", _number),
        ("ReplicasPerNodeGroup", _number),
        ("SnapshotRetentionLimit", _or_zero),
    ),
    "AWS::Lambda::Function": (("MemorySize", _number), ("EphemeralStorage/Size", _number)),
    "AWS::Lambda::Alias": (("ProvisionedConcurrencyConfig/ProvisionedConcurrentExecutions", _or_zero),),
    "AWS::Kinesis::Stream": (("ShardCount", _number), ("RetentionPeriodHours", _number)),
    "AWS::MSK::Cluster": (
        ("NumberOfBrokerNodes", _number),
        ("BrokerNodeGroupInfo/InstanceType", _class_size),
        ("BrokerNodeGroupInfo/StorageInfo/EBSStorageInfo/VolumeSize", _number),
    ),
    "AWS::OpenSearchService::Domain": (
        ("ClusterConfig/InstanceCount", _number),
        ("ClusterConfig/InstanceType", _class_size),
        ("EBSOptions/VolumeSize", _number),
    ),
    "AWS::Elasticsearch::Domain": (
        ("ElasticsearchClusterConfig/InstanceCount", _number),
        ("ElasticsearchClusterConfig/InstanceType", _class_size),
        ("EBSOptions/VolumeSize", _number),
    ),
    "AWS::MemoryDB::Cluster": (
        ("NodeType", _class_size),
        ("NumShards", _number),
        ("NumReplicasPerShard", _number),
        ("SnapshotRetentionLimit", _or_zero),
    ),
    "AWS::DAX::Cluster": (("NodeType", _class_size), ("ReplicationFactor", _number)),
    "AWS::AmazonMQ::Broker": (("HostInstanceType", _class_size),),
    "AWS::ApiGateway::Stage": (("CacheClusterEnabled", _yes), ("CacheClusterSize", _number)),
    "AWS::Redshift::Cluster": (("NumberOfNodes", _number), ("NodeType", _class_size)),
    "AWS::EKS::Nodegroup": (
        ("ScalingConfig/MinSize", _number),
        ("ScalingConfig/MaxSize", _number),
        ("ScalingConfig/DesiredSize", _number),
    ),
    "AWS::EFS::FileSystem": (("ProvisionedThroughputInMibps", _or_zero),),
    "AWS::CloudFront::Distribution": (("DistributionConfig/PriceClass", _price_class),),
}
_LIFECYCLE = ("ExpirationInDays", "NoncurrentVersionExpiration/NoncurrentDays")


def _sized(logical_id: str, type_name: str, before: Properties, after: Properties) -> Iterator[Finding]:
    for path, size in _BILLED.get(type_name, ()):
        yield from _moved(logical_id, _dotted(path), size(_at(before, path)), size(_at(after, path)))
    if type_name == "AWS::S3::Bucket":
        rules = [_by_key(_at(side, "LifecycleConfiguration/Rules"), "Id") for side in (before, after)]
        for name in rules[0].keys() & rules[1].keys():
            for path in _LIFECYCLE:
                sizes = [_or_endless(_at(side[name], path)) for side in rules]
                full = f"Properties.LifecycleConfiguration.Rules[{name}].{path.replace('/', '.')}"
                yield from _moved(logical_id, full, *sizes)


def _moved(logical_id: str, path: str, before: float | None, after: float | None) -> Iterator[Finding]:
    if before is not None and after is not None and before != after:
        yield Finding("cost", logical_id, path, "up" if after > before else "down")


# ── Reading properties ──


def _at(value: Value, path: str) -> Value:
    for step in path.split("/"):
        if not isinstance(value, dict) or step not in value:
            return _ABSENT
        value = value[step]
    return value


def _dotted(path: str) -> str:
    return f"Properties.{path.replace('/', '.')}"


def _by_key(items: Value, key: str) -> dict[str, dict[str, Any]]:
    return {scalar(item[key]): item for item in _list(items) if isinstance(item, dict) and key in item}


def _list(value: Value) -> Iterable[Value]:
    return value if isinstance(value, list) else []
