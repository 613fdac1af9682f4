"""What a saboteur would add, by resource type: a property too many is as bad as one too few."""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]

_P = "Properties"
_ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
_POLICY = {"Version": "2012-10-17", "Statement": [_ANYBODY]}

SABOTAGE: dict[str, tuple[tuple[Path, Any], ...]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        (
            (_P, "ScheduledActions"),
            [
                {
                    "ScheduledActionName": "night",
                    "Schedule": "rate(1 hour)",
                    "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0},
                }
            ],
        ),
        ((_P, "RoleARN"), "arn:aws:iam::999999999999:role/other"),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        ((_P, "TargetTrackingScalingPolicyConfiguration", "DisableScaleIn"), True),
    ),
    "AWS::CloudWatch::Alarm": (
        ((_P, "ActionsEnabled"), False),
        ((_P, "AlarmActions"), ["arn:aws:sns:eu-central-1:999999999999:other"]),
        ((_P, "DatapointsToAlarm"), 5),
    ),
    "AWS::EC2::Route": (((_P, "EgressOnlyInternetGatewayId"), "eigw-1"),),
    "AWS::EC2::SecurityGroup": (
        ((_P, "SecurityGroupIngress"), [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]),
        ((_P, "SecurityGroupEgress", 1), {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}),
        (
            (_P, "SecurityGroupIngress", 1),
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"},
        ),
    ),
    "AWS::EC2::SecurityGroupIngress": (((_P, "CidrIp"), "0.0.0.0/0"),),
    "AWS::EC2::SecurityGroupEgress": (((_P, "CidrIp"), "0.0.0.0/0"),),
    "AWS::EC2::Subnet": (
        ((_P, "MapPublicIpOnLaunch"), True),
        ((_P, "AssignIpv6AddressOnCreation"), True),
        ((_P, "EnableDns64"), True),
    ),
    "AWS::EC2::VPC": (((_P, "InstanceTenancy"), "dedicated"),),
    "AWS::EC2::NatGateway": (((_P, "ConnectivityType"), "private"), ((_P, "MaxDrainDurationSeconds"), 4000)),
    "AWS::EC2::EIP": (((_P, "PublicIpv4Pool"), "ipv4pool-1"), ((_P, "InstanceId"), "i-1")),
    "AWS::EC2::VPCEndpoint": (
        ((_P, "PrivateDnsEnabled"), True),
        ((_P, "PolicyDocument", "Statement", 9), _ANYBODY),
    ),
    "AWS::ECR::Repository": (
        ((_P, "RepositoryPolicyText"), _POLICY),
        ((_P, "EncryptionConfiguration"), {"EncryptionType": "KMS"}),
    ),
    "AWS::ECS::Cluster": (
        ((_P, "ServiceConnectDefaults"), {"Namespace": "other"}),
        ((_P, "DefaultCapacityProviderStrategy"), [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]),
        ((_P, "Configuration"), {"ExecuteCommandConfiguration": {"Logging": "NONE"}}),
    ),
    "AWS::ECS::Service": (
        ((_P, "EnableExecuteCommand"), True),
        ((_P, "PlatformVersion"), "1.3.0"),
        ((_P, "LaunchType"), "EC2"),
        ((_P, "SchedulingStrategy"), "DAEMON"),
        ((_P, "ServiceConnectConfiguration"), {"Enabled": True}),
        ((_P, "VolumeConfigurations"), [{"Name": "other"}]),
        ((_P, "NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"), "ENABLED"),
        ((_P, "DeploymentController"), {"Type": "EXTERNAL"}),
        ((_P, "Role"), "arn:aws:iam::999999999999:role/other"),
    ),
    "AWS::ECS::TaskDefinition": (
        ((_P, "Volumes"), [{"Name": "other", "EFSVolumeConfiguration": {"FilesystemId": "fs-1"}}]),
        ((_P, "PidMode"), "task"),
        ((_P, "IpcMode"), "host"),
        ((_P, "EphemeralStorage"), {"SizeInGiB": 200}),
        ((_P, "PlacementConstraints"), [{"Type": "memberOf", "Expression": "x"}]),
        ((_P, "ContainerDefinitions", 0, "Command"), ["sh", "-c", "sleep 1d"]),
        ((_P, "ContainerDefinitions", 0, "EntryPoint"), ["sh"]),
        ((_P, "ContainerDefinitions", 0, "Privileged"), True),
        ((_P, "ContainerDefinitions", 0, "WorkingDirectory"), "/other"),
        ((_P, "ContainerDefinitions", 0, "MountPoints"), [{"SourceVolume": "other", "ContainerPath": "/x"}]),
        (
            (_P, "ContainerDefinitions", 0, "EnvironmentFiles"),
            [{"Type": "s3", "Value": "arn:aws:s3:::other/x.env"}],
        ),
        ((_P, "ContainerDefinitions", 0, "PseudoTerminal"), True),
        ((_P, "ContainerDefinitions", 0, "Interactive"), True),
        ((_P, "ContainerDefinitions", 0, "LinuxParameters", "Capabilities", "Add"), ["SYS_PTRACE"]),
        ((_P, "ContainerDefinitions", 1, "Command"), ["--config=/etc/other"]),
        ((_P, "ContainerDefinitions", 1, "Privileged"), True),
        (
            (_P, "ContainerDefinitions", 1, "LogConfiguration", "SecretOptions"),
            [{"Name": "x", "ValueFrom": "arn:aws:ssm:eu-central-1:9:parameter/x"}],
        ),
        (
            (_P, "ContainerDefinitions", 2),
            {"Name": "shell", "Image": "public.ecr.aws/docker/library/busybox:1"},
        ),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        ((_P, "IpAddressType"), "dualstack"),
        (
            (_P, "LoadBalancerAttributes", 9),
            {"Key": "routing.http.preserve_host_header.enabled", "Value": "true"},
        ),
        ((_P, "MinimumLoadBalancerCapacity"), {"CapacityUnits": 1000}),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        ((_P, "ProtocolVersion"), "GRPC"),
        ((_P, "HealthCheckEnabled"), False),
        ((_P, "HealthCheckPort"), "9090"),
        ((_P, "TargetGroupAttributes", 9), {"Key": "stickiness.enabled", "Value": "true"}),
        ((_P, "Targets"), [{"Id": "10.0.0.9"}]),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": (
        ((_P, "MutualAuthentication"), {"Mode": "passthrough"}),
        ((_P, "ListenerAttributes"), [{"Key": "routing.http.response.server.enabled", "Value": "true"}]),
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        ((_P, "Conditions", 9), {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}),
    ),
    "AWS::IAM::Role": (
        ((_P, "ManagedPolicyArns"), ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        ((_P, "MaxSessionDuration"), 43200),
        ((_P, "Path"), "/other/"),
        (
            (_P, "Policies", 0, "PolicyDocument", "Statement", 99),
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
        ),
        (
            (_P, "AssumeRolePolicyDocument", "Statement", 1),
            {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "sts:AssumeRole"},
        ),
    ),
    "AWS::Logs::LogGroup": (
        ((_P, "DataProtectionPolicy"), {"Name": "x"}),
        ((_P, "LogGroupClass"), "INFREQUENT_ACCESS"),
        ((_P, "KmsKeyId"), "arn:aws:kms:eu-central-1:999999999999:key/other"),
    ),
    "AWS::Logs::MetricFilter": (
        ((_P, "FieldSelectionCriteria"), '@aws.account = "9"'),
        ((_P, "ApplyOnTransformedLogs"), True),
    ),
    "AWS::RDS::DBCluster": (
        ((_P, "PubliclyAccessible"), True),
        ((_P, "SnapshotIdentifier"), "other"),
        (
            (_P, "AssociatedRoles"),
            [{"RoleArn": "arn:aws:iam::999999999999:role/other", "FeatureName": "s3Export"}],
        ),
        ((_P, "EnableHttpEndpoint"), True),
        ((_P, "StorageType"), "aurora-iopt1"),
        ((_P, "GlobalClusterIdentifier"), "other"),
        ((_P, "BacktrackWindow"), 3600),
        ((_P, "ManageMasterUserPassword"), True),
        ((_P, "ServerlessV2ScalingConfiguration", "SecondsUntilAutoPause"), 300),
        ((_P, "VpcSecurityGroupIds", 1), "sg-0other"),
    ),
    "AWS::RDS::DBInstance": (
        ((_P, "PubliclyAccessible"), True),
        ((_P, "MonitoringInterval"), 60),
        ((_P, "AllowMajorVersionUpgrade"), True),
        ((_P, "DBParameterGroupName"), "other"),
        ((_P, "CACertificateIdentifier"), "other"),
    ),
    "AWS::RDS::DBClusterParameterGroup": (((_P, "Parameters", "log_min_error_statement"), "panic"),),
    "AWS::RDS::DBSubnetGroup": (((_P, "SubnetIds", 3), "subnet-0other"),),
    "AWS::S3::Bucket": (
        ((_P, "LifecycleConfiguration", "Rules", 9), {"Id": "x", "Status": "Enabled", "ExpirationInDays": 1}),
        ((_P, "AccessControl"), "PublicRead"),
        ((_P, "WebsiteConfiguration"), {"IndexDocument": "index.html"}),
        ((_P, "ReplicationConfiguration"), {"Role": "arn:aws:iam::999999999999:role/x", "Rules": []}),
        ((_P, "CorsConfiguration"), {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}),
        ((_P, "NotificationConfiguration"), {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}),
        ((_P, "ObjectLockEnabled"), True),
    ),
    "AWS::S3::BucketPolicy": (((_P, "PolicyDocument", "Statement", 1), _ANYBODY),),
    "AWS::SQS::Queue": (
        ((_P, "DelaySeconds"), 900),
        ((_P, "FifoQueue"), True),
        ((_P, "MaximumMessageSize"), 1024),
        ((_P, "ReceiveMessageWaitTimeSeconds"), 1),
        ((_P, "KmsMasterKeyId"), "alias/other"),
        (
            (_P, "RedrivePolicy"),
            {"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:999999999999:x", "maxReceiveCount": 1},
        ),
    ),
    "AWS::SQS::QueuePolicy": (
        ((_P, "PolicyDocument", "Statement", 1), _ANYBODY),
        ((_P, "Queues", 3), "other"),
    ),
    "AWS::Scheduler::Schedule": (
        ((_P, "EndDate"), "2030-01-01T00:00:00Z"),
        ((_P, "StartDate"), "2030-01-01T00:00:00Z"),
        ((_P, "KmsKeyArn"), "arn:aws:kms:eu-central-1:999999999999:key/other"),
        ((_P, "Target", "Input"), '{"containerOverrides":[{"name":"job","command":["sh"]}]}'),
        ((_P, "Target", "EcsParameters", "EnableExecuteCommand"), True),
        ((_P, "Target", "EcsParameters", "PlatformVersion"), "1.3.0"),
        ((_P, "Target", "EcsParameters", "LaunchType"), "FARGATE"),
        ((_P, "Target", "EcsParameters", "TaskCount"), 10),
        ((_P, "Target", "EcsParameters", "Group"), "other"),
    ),
    "AWS::ServiceDiscovery::Service": (((_P, "HealthCheckConfig"), {"Type": "HTTP"}), ((_P, "Type"), "HTTP")),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": (
        ((_P, "Properties"), {"DnsProperties": {"SOA": {"TTL": 3600}}}),
    ),
}
