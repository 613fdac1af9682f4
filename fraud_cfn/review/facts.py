"""What AWS does that no schema says, each row with its source.

GUIDE is the CloudFormation template reference: one page a type, "Update requires" at each property.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fraud_cfn.review.schemas import Path_, schema

GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
CUSTOM_NAMES = f"{GUIDE}/aws-properties-name.html"


@dataclass(frozen=True)
class Deviation:
    """A property whose change does something else than the type's schema says."""

    type_name: str
    path: Path_
    effect: Literal["replaces", "fails", "unseen"]  # unseen: what it does is not to be seen here
    why: str
    source: str


_KMS_SOURCE = f"{GUIDE}/aws-resource-kms-key.html"
DEVIATIONS = (
    Deviation(
        "AWS::Route53::RecordSet",
        ("Name",),
        "replaces",
        "another name is another record",
        f"{GUIDE}/aws-resource-route53-recordset.html",
    ),
    Deviation(
        "AWS::ServiceDiscovery::Service",
        ("DnsConfig", "NamespaceId"),
        "replaces",
        "a Cloud Map service stays in its namespace",
        f"{GUIDE}/aws-properties-servicediscovery-service-dnsconfig.html",
    ),
    Deviation(
        "AWS::Scheduler::Schedule",
        ("GroupName",),
        "fails",
        "a schedule cannot change its group: the update looks for it in the new one",
        "https://github.com/aws/aws-cdk/issues/34216",
    ),
    *(
        Deviation("AWS::KMS::Key", (name,), "fails", f"a key's {name} cannot be changed", _KMS_SOURCE)
        for name in ("KeySpec", "KeyUsage", "Origin", "MultiRegion")
    ),
    *(
        Deviation(
            "AWS::EC2::Volume",
            (name,),
            "fails",
            f"a volume's {name} cannot be changed",
            f"{GUIDE}/aws-resource-ec2-volume.html",
        )
        for name in ("AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId")
    ),
    *(
        Deviation(
            "AWS::CloudFormation::WaitCondition",
            (name,),
            "fails",
            "a wait condition cannot be changed",
            f"{GUIDE}/aws-resource-cloudformation-waitcondition.html",
        )
        for name in ("Count", "Handle", "Timeout")
    ),
    *(
        Deviation(
            "AWS::Cognito::UserPool",
            (name,),
            "fails",
            f"a user pool's {name} cannot be changed",
            "https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-updating.html",
        )
        for name in ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
    ),
    *(
        Deviation(
            "AWS::CloudFormation::Stack",
            (name,),
            "unseen",
            "the nested stack is updated with it",
            f"{GUIDE}/aws-resource-cloudformation-stack.html",
        )
        for name in ("TemplateURL", "Parameters")
    ),
    *(
        Deviation(
            "AWS::CloudFormation::StackSet",
            (name,),
            "unseen",
            "its stacks are updated with it",
            f"{GUIDE}/aws-resource-cloudformation-stackset.html",
        )
        for name in ("TemplateURL", "TemplateBody", "Parameters", "StackInstancesGroup")
    ),
    *(
        Deviation(
            "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
            (name,),
            "unseen",
            "the product is updated with it",
            f"{GUIDE}/aws-resource-servicecatalog-cloudformationprovisionedproduct.html",
        )
        for name in (
            "ProductId",
            "ProductName",
            "ProvisioningArtifactId",
            "ProvisioningArtifactName",
            "ProvisioningParameters",
        )
    ),
    Deviation(
        "AWS::CloudFormation::CustomResource",
        ("ServiceToken",),
        "fails",
        "a custom resource's ServiceToken cannot be changed",
        f"{GUIDE}/aws-resource-cloudformation-customresource.html",
    ),
)

# ── Custom names ──

# Where the name is not the create-only `Name`, `<Type>Name` or `<Type>Identifier`.
_NAMED = {
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::EC2::KeyPair": "KeyName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ElastiCache::CacheCluster": "ClusterName",
    "AWS::ElastiCache::ReplicationGroup": "ReplicationGroupId",
    "AWS::ElastiCache::SubnetGroup": "CacheSubnetGroupName",
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::Logs::SubscriptionFilter": "FilterName",
    "AWS::Redshift::ClusterParameterGroup": "ParameterGroupName",
}
# Names that many may have, or that a new revision keeps.
_NOT_NAMED = {
    "AWS::Athena::NamedQuery",
    "AWS::Batch::JobDefinition",
    "AWS::Route53::HostedZone",
    "AWS::SSM::MaintenanceWindow",
}
# Names that are unique only within something: where that changes, the name may be kept.
# Source: each service's Create call, and the type's page in GUIDE.
NAME_SCOPES: dict[str, tuple[Path_, ...]] = {
    "AWS::ServiceDiscovery::Service": (("NamespaceId",), ("DnsConfig", "NamespaceId")),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": (("Vpc",),),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        ("ScalingTargetId",),
        ("ResourceId",),
        ("ScalableDimension",),
        ("ServiceNamespace",),
    ),
    "AWS::Logs::MetricFilter": (("LogGroupName",),),
    "AWS::Logs::SubscriptionFilter": (("LogGroupName",),),
    "AWS::Lambda::Alias": (("FunctionName",),),
    "AWS::Events::Rule": (("EventBusName",),),
    "AWS::ApiGateway::Model": (("RestApiId",),),
    "AWS::ApiGateway::RequestValidator": (("RestApiId",),),
    "AWS::ApiGateway::Stage": (("RestApiId",),),
    "AWS::ApiGatewayV2::Stage": (("ApiId",),),
    "AWS::WAFv2::WebACL": (("Scope",),),
    "AWS::WAFv2::IPSet": (("Scope",),),
    "AWS::WAFv2::RuleGroup": (("Scope",),),
    "AWS::WAFv2::RegexPatternSet": (("Scope",),),
}


def name_property(type_name: str) -> str | None:
    """The property that gives a resource of that type its custom name; None where it has none.

    Source: CUSTOM_NAMES; `Family` of a task definition is none, a new revision keeps it.
    """
    if type_name in _NOT_NAMED:
        return None
    if type_name in _NAMED:
        return _NAMED[type_name]
    known = schema(type_name)
    if known is None:
        return None
    short = type_name.rpartition("::")[2]
    for name in (f"{short}Name", f"{short}Identifier", "Name"):
        if (name,) in known.create_only:
            return name
    return None


# ── Identity: what there can be only one of ──

# Beside names and the schemas' identifiers that the template gives. Properties that are absent count as such.
IDENTITIES: dict[str, tuple[Path_, ...]] = {
    "AWS::EC2::SecurityGroupIngress": tuple(
        (name,)
        for name in (
            "GroupId",
            "GroupName",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "CidrIpv6",
            "SourcePrefixListId",
            "SourceSecurityGroupId",
            "SourceSecurityGroupName",
        )
    ),
    "AWS::EC2::SecurityGroupEgress": tuple(
        (name,)
        for name in (
            "GroupId",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "CidrIpv6",
            "DestinationPrefixListId",
            "DestinationSecurityGroupId",
        )
    ),
    "AWS::EC2::Route": (
        ("RouteTableId",),
        ("DestinationCidrBlock",),
        ("DestinationIpv6CidrBlock",),
        ("DestinationPrefixListId",),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": (("SubnetId",),),
    "AWS::EC2::SubnetNetworkAclAssociation": (("SubnetId",),),
    "AWS::EC2::EIPAssociation": (("AllocationId",), ("EIP",)),
    "AWS::EC2::VPCGatewayAttachment": (("VpcId",), ("InternetGatewayId",), ("VpnGatewayId",)),
    "AWS::EC2::VPCDHCPOptionsAssociation": (("VpcId",),),
    "AWS::EC2::NetworkAclEntry": (("NetworkAclId",), ("Egress",), ("RuleNumber",)),
    "AWS::EC2::NatGateway": (("AllocationId",),),
    "AWS::EC2::Subnet": (("VpcId",), ("CidrBlock",)),
    "AWS::ElasticLoadBalancingV2::Listener": (("LoadBalancerArn",), ("Port",)),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (("ListenerArn",), ("Priority",)),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": (("ListenerArn",), ("Certificates",)),
    "AWS::Route53::RecordSet": (
        ("HostedZoneId",),
        ("HostedZoneName",),
        ("Name",),
        ("Type",),
        ("SetIdentifier",),
    ),
    "AWS::Cognito::UserPoolDomain": (("Domain",),),
    "AWS::WAFv2::WebACLAssociation": (("ResourceArn",),),
    "AWS::Lambda::EventSourceMapping": (("EventSourceArn",), ("FunctionName",)),
    "AWS::Lambda::Url": (("TargetFunctionArn",), ("Qualifier",)),
    "AWS::EFS::MountTarget": (("FileSystemId",), ("SubnetId",)),
    "AWS::EC2::VPCCidrBlock": (("VpcId",), ("CidrBlock",), ("Ipv6CidrBlock",)),
    "AWS::ApiGateway::Resource": (("RestApiId",), ("ParentId",), ("PathPart",)),
    "AWS::ApiGatewayV2::Route": (("ApiId",), ("RouteKey",)),
    "AWS::ApiGatewayV2::ApiMapping": (("DomainName",), ("ApiMappingKey",)),
    "AWS::SecretsManager::RotationSchedule": (("SecretId",),),
    "AWS::SecretsManager::ResourcePolicy": (("SecretId",),),
}

# ── What a class says ──

# Types that hold data of their own: gone with the resource.
STATEFUL = frozenset(
    f"AWS::{name}"
    for name in (
        "ACMPCA::CertificateAuthority",
        "APS::Workspace",
        "AmazonMQ::Broker",
        "Backup::BackupVault",
        "Backup::LogicallyAirGappedBackupVault",
        "BedrockAgentCore::Memory",
        "Cassandra::Keyspace",
        "Cassandra::Table",
        "Cloud9::EnvironmentEC2",
        "CloudFront::KeyValueStore",
        "CloudHSM::Cluster",
        "CloudTrail::EventDataStore",
        "CodeArtifact::Domain",
        "CodeArtifact::Repository",
        "CodeCommit::Repository",
        "Cognito::IdentityPool",
        "Cognito::UserPool",
        "Cognito::UserPoolUser",
        "Connect::Instance",
        "CustomerProfiles::Domain",
        "DSQL::Cluster",
        "DirectoryService::MicrosoftAD",
        "DirectoryService::SimpleAD",
        "DocDB::DBCluster",
        "DocDBElastic::Cluster",
        "DynamoDB::Backup",
        "DynamoDB::GlobalTable",
        "DynamoDB::Table",
        "EC2::Volume",
        "ECR::PublicRepository",
        "ECR::Repository",
        "EFS::FileSystem",
        "EMR::WALWorkspace",
        "ElastiCache::CacheCluster",
        "ElastiCache::ReplicationGroup",
        "ElastiCache::ServerlessCache",
        "ElastiCache::ServerlessCacheSnapshot",
        "ElastiCache::Snapshot",
        "Elasticsearch::Domain",
        "Events::Archive",
        "FSx::Backup",
        "FSx::FileSystem",
        "FSx::Snapshot",
        "FSx::StorageVirtualMachine",
        "FSx::Volume",
        "Forecast::Dataset",
        "Grafana::Workspace",
        "HealthImaging::Datastore",
        "HealthLake::FHIRDatastore",
        "IoTAnalytics::Channel",
        "IoTAnalytics::Dataset",
        "IoTAnalytics::Datastore",
        "KMS::Key",
        "KMS::ReplicaKey",
        "Kendra::Index",
        "Kinesis::Stream",
        "KinesisVideo::Stream",
        "Lightsail::Bucket",
        "Lightsail::Database",
        "Lightsail::DatabaseSnapshot",
        "Lightsail::Disk",
        "Lightsail::DiskSnapshot",
        "Lightsail::Instance",
        "Lightsail::InstanceSnapshot",
        "Location::GeofenceCollection",
        "Location::Tracker",
        "Logs::LogGroup",
        "Logs::LogStream",
        "MSK::Cluster",
        "MSK::ServerlessCluster",
        "MSK::Topic",
        "ManagedBlockchain::Node",
        "MediaStore::Container",
        "MemoryDB::Cluster",
        "MemoryDB::Snapshot",
        "Neptune::DBCluster",
        "NeptuneGraph::Graph",
        "NeptuneGraph::GraphSnapshot",
        "Omics::AnnotationStore",
        "Omics::ReferenceStore",
        "Omics::SequenceStore",
        "Omics::VariantStore",
        "OpenSearchServerless::Collection",
        "OpenSearchServerless::Index",
        "OpenSearchService::Domain",
        "Organizations::Account",
        "PaymentCryptography::Key",
        "Personalize::Dataset",
        "QLDB::Ledger",
        "RDS::ClusterSnapshot",
        "RDS::DBCluster",
        "RDS::DBInstance",
        "RDS::DBSnapshot",
        "Redshift::Cluster",
        "Redshift::Snapshot",
        "RedshiftServerless::Namespace",
        "RedshiftServerless::Snapshot",
        "Rekognition::Collection",
        "S3::Bucket",
        "S3Express::DirectoryBucket",
        "S3Files::FileSystem",
        "S3Outposts::Bucket",
        "S3Tables::Table",
        "S3Tables::TableBucket",
        "S3Vectors::Index",
        "S3Vectors::VectorBucket",
        "SDB::Domain",
        "SES::ContactList",
        "SES::MailManagerArchive",
        "SQS::Queue",
        "SageMaker::FeatureGroup",
        "SageMaker::NotebookInstance",
        "SecretsManager::Secret",
        "Serverless::SimpleTable",
        "StorageGateway::Volume",
        "Timestream::Database",
        "Timestream::InfluxDBCluster",
        "Timestream::InfluxDBInstance",
        "Timestream::Table",
        "Wisdom::KnowledgeBase",
        "WorkSpaces::Workspace",
        "WorkspacesInstances::Volume",
    )
)
# Instances of a cluster hold none: the cluster's volume does.
CLUSTERED_BY = {"AWS::RDS::DBInstance": "DBClusterIdentifier"}

# Without a policy AWS takes a snapshot (of an instance, where it is its own).
# Source: GUIDE, aws-attribute-deletionpolicy.html.
SAVED_BY_DEFAULT = frozenset({"AWS::RDS::DBCluster", "AWS::RDS::DBInstance"})
# What a policy `Snapshot` saves; of any other type nothing stays. Source: the same page.
SAVED_BY_SNAPSHOT = SAVED_BY_DEFAULT | {
    "AWS::DocDB::DBCluster",
    "AWS::EC2::Volume",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Neptune::DBCluster",
    "AWS::Redshift::Cluster",
}

# Types that carry traffic or run tasks: their removal interrupts.
CARRIERS = frozenset(
    f"AWS::{name}"
    for name in (
        "Amplify::App",
        "Amplify::Branch",
        "Amplify::Domain",
        "ApiGateway::BasePathMapping",
        "ApiGateway::BasePathMappingV2",
        "ApiGateway::DomainName",
        "ApiGateway::DomainNameV2",
        "ApiGateway::Method",
        "ApiGateway::RestApi",
        "ApiGateway::Stage",
        "ApiGateway::VpcLink",
        "ApiGatewayV2::Api",
        "ApiGatewayV2::ApiMapping",
        "ApiGatewayV2::DomainName",
        "ApiGatewayV2::Integration",
        "ApiGatewayV2::Route",
        "ApiGatewayV2::Stage",
        "ApiGatewayV2::VpcLink",
        "AppMesh::GatewayRoute",
        "AppMesh::Mesh",
        "AppMesh::Route",
        "AppMesh::VirtualGateway",
        "AppMesh::VirtualNode",
        "AppMesh::VirtualRouter",
        "AppMesh::VirtualService",
        "AppRunner::Service",
        "AppRunner::VpcConnector",
        "AppRunner::VpcIngressConnection",
        "AppStream::Fleet",
        "AppStream::Stack",
        "AppSync::Api",
        "AppSync::DataSource",
        "AppSync::DomainName",
        "AppSync::DomainNameApiAssociation",
        "AppSync::GraphQLApi",
        "AppSync::Resolver",
        "AutoScaling::AutoScalingGroup",
        "Batch::ComputeEnvironment",
        "Batch::JobQueue",
        "CloudFront::ConnectionGroup",
        "CloudFront::Distribution",
        "CloudFront::DistributionTenant",
        "CloudFront::StreamingDistribution",
        "CloudFront::VpcOrigin",
        "DAX::Cluster",
        "DMS::ReplicationConfig",
        "DMS::ReplicationInstance",
        "DMS::ReplicationTask",
        "DirectConnect::Connection",
        "DirectConnect::DirectConnectGateway",
        "DirectConnect::DirectConnectGatewayAssociation",
        "DirectConnect::Lag",
        "DirectConnect::PrivateVirtualInterface",
        "DirectConnect::PublicVirtualInterface",
        "DirectConnect::TransitVirtualInterface",
        "DocDB::DBInstance",
        "EC2::CarrierGateway",
        "EC2::ClientVpnEndpoint",
        "EC2::ClientVpnRoute",
        "EC2::ClientVpnTargetNetworkAssociation",
        "EC2::EC2Fleet",
        "EC2::EIP",
        "EC2::EIPAssociation",
        "EC2::EgressOnlyInternetGateway",
        "EC2::GatewayRouteTableAssociation",
        "EC2::Instance",
        "EC2::InstanceConnectEndpoint",
        "EC2::InternetGateway",
        "EC2::LocalGatewayRoute",
        "EC2::NatGateway",
        "EC2::NetworkInterface",
        "EC2::NetworkInterfaceAttachment",
        "EC2::Route",
        "EC2::RouteTable",
        "EC2::SecurityGroupEgress",
        "EC2::SecurityGroupIngress",
        "EC2::SpotFleet",
        "EC2::Subnet",
        "EC2::SubnetRouteTableAssociation",
        "EC2::TransitGateway",
        "EC2::TransitGatewayAttachment",
        "EC2::TransitGatewayConnect",
        "EC2::TransitGatewayPeeringAttachment",
        "EC2::TransitGatewayRoute",
        "EC2::TransitGatewayRouteTable",
        "EC2::TransitGatewayRouteTableAssociation",
        "EC2::TransitGatewayRouteTablePropagation",
        "EC2::TransitGatewayVpcAttachment",
        "EC2::VPC",
        "EC2::VPCEndpoint",
        "EC2::VPCEndpointService",
        "EC2::VPCGatewayAttachment",
        "EC2::VPCPeeringConnection",
        "EC2::VPNConnection",
        "EC2::VPNConnectionRoute",
        "EC2::VPNGateway",
        "EC2::VPNGatewayRoutePropagation",
        "EC2::VerifiedAccessEndpoint",
        "EC2::VolumeAttachment",
        "ECS::CapacityProvider",
        "ECS::Cluster",
        "ECS::Daemon",
        "ECS::ExpressGatewayService",
        "ECS::PrimaryTaskSet",
        "ECS::Service",
        "ECS::TaskSet",
        "EFS::MountTarget",
        "EKS::Addon",
        "EKS::Cluster",
        "EKS::FargateProfile",
        "EKS::Nodegroup",
        "EMR::Cluster",
        "EMR::InstanceFleetConfig",
        "EMR::InstanceGroupConfig",
        "EMRContainers::VirtualCluster",
        "EMRServerless::Application",
        "ElasticBeanstalk::Environment",
        "ElasticLoadBalancing::LoadBalancer",
        "ElasticLoadBalancingV2::Listener",
        "ElasticLoadBalancingV2::ListenerCertificate",
        "ElasticLoadBalancingV2::ListenerRule",
        "ElasticLoadBalancingV2::LoadBalancer",
        "ElasticLoadBalancingV2::TargetGroup",
        "Events::ApiDestination",
        "Events::Endpoint",
        "Events::EventBus",
        "Events::Rule",
        "GlobalAccelerator::Accelerator",
        "GlobalAccelerator::EndpointGroup",
        "GlobalAccelerator::Listener",
        "IoT::TopicRule",
        "KafkaConnect::Connector",
        "KinesisAnalytics::Application",
        "KinesisAnalyticsV2::Application",
        "KinesisFirehose::DeliveryStream",
        "Lambda::Alias",
        "Lambda::EventSourceMapping",
        "Lambda::Function",
        "Lambda::Permission",
        "Lambda::Url",
        "Lambda::WebFunctionEndpoint",
        "Lightsail::Container",
        "Lightsail::Distribution",
        "Lightsail::LoadBalancer",
        "Lightsail::StaticIp",
        "MSK::Replicator",
        "MSK::VpcConnection",
        "MWAA::Environment",
        "Neptune::DBInstance",
        "NetworkFirewall::Firewall",
        "NetworkManager::ConnectAttachment",
        "NetworkManager::CoreNetwork",
        "NetworkManager::SiteToSiteVpnAttachment",
        "NetworkManager::VpcAttachment",
        "OSIS::Pipeline",
        "Pipes::Pipe",
        "RDS::DBClusterEndpoint",
        "RDS::DBInstance",
        "RDS::DBProxy",
        "RDS::DBProxyEndpoint",
        "RDS::DBProxyTargetGroup",
        "RDS::DBShardGroup",
        "RedshiftServerless::Workgroup",
        "Route53::HostedZone",
        "Route53::RecordSet",
        "Route53::RecordSetGroup",
        "Route53::TrafficPolicyInstance",
        "Route53Resolver::ResolverEndpoint",
        "Route53Resolver::ResolverRule",
        "Route53Resolver::ResolverRuleAssociation",
        "S3::AccessPoint",
        "S3::MultiRegionAccessPoint",
        "S3ObjectLambda::AccessPoint",
        "SNS::Subscription",
        "SageMaker::App",
        "SageMaker::Cluster",
        "SageMaker::Endpoint",
        "SageMaker::InferenceComponent",
        "Scheduler::Schedule",
        "Serverless::Api",
        "Serverless::Function",
        "Serverless::HttpApi",
        "Serverless::StateMachine",
        "ServiceDiscovery::HttpNamespace",
        "ServiceDiscovery::Instance",
        "ServiceDiscovery::PrivateDnsNamespace",
        "ServiceDiscovery::PublicDnsNamespace",
        "ServiceDiscovery::Service",
        "StepFunctions::StateMachine",
        "Transfer::Connector",
        "Transfer::Server",
        "VpcLattice::Listener",
        "VpcLattice::ResourceConfiguration",
        "VpcLattice::ResourceGateway",
        "VpcLattice::Rule",
        "VpcLattice::Service",
        "VpcLattice::ServiceNetwork",
        "VpcLattice::ServiceNetworkServiceAssociation",
        "VpcLattice::ServiceNetworkVpcAssociation",
        "VpcLattice::TargetGroup",
        "WorkSpaces::WorkspacesPool",
    )
)

# Properties whose change exchanges tasks, drops connections or reboots, without a replacement.
# ECS: API_UpdateService, "This parameter triggers a new service deployment" · RDS, EC2, ElastiCache: GUIDE,
# "Some interruptions", or the page's own note ("might need to reboot", "clients cannot connect"). A cluster's
# DBInstanceParameterGroupName is none: with it "the DB cluster isn't rebooted automatically".
INTERRUPTS: dict[str, tuple[Path_, ...]] = {
    "AWS::ECS::Service": (
        ("TaskDefinition",),
        ("NetworkConfiguration",),
        ("LoadBalancers",),
        ("ServiceRegistries",),
        ("LaunchType",),
        ("PlatformVersion",),
        ("ForceNewDeployment",),
        ("ServiceConnectConfiguration",),
        ("VolumeConfigurations",),
        ("VpcLatticeConfigurations",),
        ("DeploymentController",),
    ),
    "AWS::Scheduler::Schedule": (("Target", "EcsParameters", "TaskDefinitionArn"),),
    "AWS::Events::Rule": (("Targets", "*", "EcsParameters", "TaskDefinitionArn"),),
    "AWS::Pipes::Pipe": (("TargetParameters", "EcsTaskParameters", "TaskDefinitionArn"),),
    "AWS::RDS::DBCluster": (
        ("EngineVersion",),
        ("Port",),
        ("DBClusterParameterGroupName",),
        ("DBClusterInstanceClass",),
        ("NetworkType",),
    ),
    "AWS::RDS::DBInstance": (
        ("DBInstanceClass",),
        ("EngineVersion",),
        ("Port",),
        ("DBParameterGroupName",),
        ("OptionGroupName",),
        ("CACertificateIdentifier",),
        ("StorageType",),
        ("ProcessorFeatures",),
    ),
    "AWS::RDS::DBParameterGroup": (("Parameters",),),
    "AWS::RDS::DBClusterParameterGroup": (("Parameters",),),
    "AWS::DocDB::DBInstance": (("DBInstanceClass",),),
    "AWS::DocDB::DBCluster": (("EngineVersion",), ("Port",), ("DBClusterParameterGroupName",)),
    "AWS::Neptune::DBCluster": (("EngineVersion",), ("DBPort",), ("DBClusterParameterGroupName",)),
    "AWS::Neptune::DBInstance": (("DBInstanceClass",), ("DBParameterGroupName",)),
    "AWS::EC2::Instance": (
        ("InstanceType",),
        ("UserData",),
        ("EbsOptimized",),
        ("KernelId",),
        ("RamdiskId",),
        ("Tenancy",),
        ("HostId",),
        ("Affinity",),
        ("CpuOptions",),
    ),
    "AWS::EC2::Route": tuple(
        (name,)
        for name in (
            "GatewayId",
            "NatGatewayId",
            "InstanceId",
            "NetworkInterfaceId",
            "TransitGatewayId",
            "VpcEndpointId",
            "VpcPeeringConnectionId",
            "EgressOnlyInternetGatewayId",
            "CarrierGatewayId",
            "LocalGatewayId",
        )
    ),
    "AWS::EC2::EIP": (("InstanceId",),),
    "AWS::AutoScaling::AutoScalingGroup": (
        ("LaunchTemplate",),
        ("LaunchConfigurationName",),
        ("MixedInstancesPolicy",),
        ("VPCZoneIdentifier",),
    ),
    "AWS::ElastiCache::CacheCluster": (("CacheNodeType",), ("EngineVersion",)),
    "AWS::ElastiCache::ReplicationGroup": (("CacheNodeType",), ("EngineVersion",)),
    "AWS::ElasticLoadBalancingV2::Listener": (("Port",), ("Protocol",)),
    "AWS::ElasticLoadBalancing::LoadBalancer": (("Listeners",),),
    "AWS::AmazonMQ::Broker": (("EngineVersion",), ("HostInstanceType",), ("Configuration",)),
    "AWS::MSK::Cluster": (("KafkaVersion",), ("BrokerNodeGroupInfo", "InstanceType"), ("ConfigurationInfo",)),
    "AWS::OpenSearchService::Domain": (("EngineVersion",), ("ClusterConfig",), ("EBSOptions",)),
    "AWS::Elasticsearch::Domain": (("ElasticsearchVersion",), ("ElasticsearchClusterConfig",)),
    "AWS::Redshift::Cluster": (("NodeType",), ("NumberOfNodes",), ("ClusterType",)),
    "AWS::EKS::Nodegroup": (("Version",), ("ReleaseVersion",), ("LaunchTemplate",)),
}
# Property and the value with which nothing runs or is served any more: GUIDE, each type's page.
STOPS: dict[str, dict[str, str]] = {
    "AWS::AutoScaling::AutoScalingGroup": {"MaxSize": "0", "DesiredCapacity": "0"},
    "AWS::CloudFront::Distribution": {"DistributionConfig.Enabled": "false"},
    "AWS::ECS::Service": {"DesiredCount": "0"},
    "AWS::Events::Rule": {"State": "DISABLED"},
    "AWS::GlobalAccelerator::Accelerator": {"Enabled": "false"},
    "AWS::Lambda::EventSourceMapping": {"Enabled": "false"},
    "AWS::Lambda::Function": {"ReservedConcurrentExecutions": "0"},
    "AWS::Pipes::Pipe": {"DesiredState": "STOPPED"},
    "AWS::Scheduler::Schedule": {"State": "DISABLED"},
}
TASK_DEFINITION = "AWS::ECS::TaskDefinition"

# ── Traps: updates that fail for what stands around them ──

# Target groups: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
SUBNET_GROUPS = {
    "AWS::RDS::DBSubnetGroup": "SubnetIds",
    "AWS::DocDB::DBSubnetGroup": "SubnetIds",
    "AWS::Neptune::DBSubnetGroup": "SubnetIds",
    "AWS::ElastiCache::SubnetGroup": "SubnetIds",
    "AWS::MemoryDB::SubnetGroup": "SubnetIds",
    "AWS::Redshift::ClusterSubnetGroup": "SubnetIds",
    "AWS::DAX::SubnetGroup": "SubnetIds",
    "AWS::DMS::ReplicationSubnetGroup": "SubnetIds",
}

# Attributes that the service makes anew for each resource, also where the name is kept.
GENERATED_ATTRIBUTES: dict[str, frozenset[str]] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": frozenset(
        {"", "LoadBalancerArn", "DNSName", "LoadBalancerFullName"}
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": frozenset({"", "TargetGroupArn", "TargetGroupFullName"}),
    "AWS::DynamoDB::Table": frozenset({"StreamArn"}),
}

# Attributes with another value once that property changes, though the resource stays.
# Source: "Return values" of each type's page in GUIDE.
MOVING_ATTRIBUTES: dict[str, dict[str, Path_]] = {
    "AWS::EC2::LaunchTemplate": {"LatestVersionNumber": ("LaunchTemplateData",)},
    "AWS::DynamoDB::Table": {"StreamArn": ("StreamSpecification",)},
    "AWS::RDS::DBCluster": {"Endpoint.Port": ("Port",)},
    "AWS::RDS::DBInstance": {"Endpoint.Port": ("Port",)},
    "AWS::StepFunctions::StateMachine": {"StateMachineRevisionId": ("DefinitionString",)},
}

# Type → the attribute ("": Ref) that is an ARN, and that ARN of what a template calls X, by its name.
# Source: the service authorization reference; "Return values" in GUIDE.
ARNS = {
    "AWS::DynamoDB::Table": ("Arn", "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${X}"),
    "AWS::ECR::Repository": ("Arn", "ecr:${AWS::Region}:${AWS::AccountId}:repository/${X}"),
    "AWS::ECS::Cluster": ("Arn", "ecs:${AWS::Region}:${AWS::AccountId}:cluster/${X}"),
    "AWS::Events::EventBus": ("Arn", "events:${AWS::Region}:${AWS::AccountId}:event-bus/${X}"),
    "AWS::IAM::Role": ("Arn", "iam::${AWS::AccountId}:role${X.Path}${X}"),
    "AWS::IAM::User": ("Arn", "iam::${AWS::AccountId}:user${X.Path}${X}"),
    "AWS::KMS::Key": ("Arn", "kms:${AWS::Region}:${AWS::AccountId}:key/${X}"),
    "AWS::Kinesis::Stream": ("Arn", "kinesis:${AWS::Region}:${AWS::AccountId}:stream/${X}"),
    "AWS::Lambda::Function": ("Arn", "lambda:${AWS::Region}:${AWS::AccountId}:function:${X}"),
    "AWS::Logs::LogGroup": ("Arn", "logs:${AWS::Region}:${AWS::AccountId}:log-group:${X}:*"),
    "AWS::S3::Bucket": ("Arn", "s3:::${X}"),
    "AWS::SNS::Topic": ("", "sns:${AWS::Region}:${AWS::AccountId}:${X.TopicName}"),
    "AWS::SQS::Queue": ("Arn", "sqs:${AWS::Region}:${AWS::AccountId}:${X.QueueName}"),
}

# Types whose resources stand in another template.
NESTED = frozenset(
    {
        "AWS::CloudFormation::Stack",
        "AWS::CloudFormation::StackSet",
        "AWS::Serverless::Application",
        "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
    }
)

# Transforms that leave resources of other types as they stand.
PLAIN_TRANSFORMS = frozenset(
    {
        "AWS::LanguageExtensions",
        "AWS::Serverless-2016-10-31",
        "AWS::CodeDeployBlueGreen",
        "AWS::Include",
        "AWS::SecretsManager-2020-07-23",
        "AWS::SecretsManager-2024-09-16",
    }
)
RETAINS = ("Retain", "RetainExceptOnCreate")
