"""What exists, asked of each service."""

from __future__ import annotations

from tests.integration.platform import Platform

# What AWS goes on to show for a while after its deletion is not counted.
LISTS = (
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("ecs", "list_task_definitions", "taskDefinitionArns[]"),  # the active ones
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupArn"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups[].DBClusterParameterGroupName"),
    ("rds", "describe_db_clusters", "DBClusters[].DBClusterIdentifier"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    ("scheduler", "list_schedule_groups", "ScheduleGroups[].Name"),
    ("scheduler", "list_schedules", "Schedules[].Name"),
    ("servicediscovery", "list_namespaces", "Namespaces[].Id"),
    ("servicediscovery", "list_services", "Services[].Id"),
    ("sqs", "list_queues", "QueueUrls[]"),
)


def existing(platform: Platform) -> set[str]:
    """Physical ids of everything in the account, of the kinds that a stack makes."""
    found = {
        identifier
        for service, operation, identifiers in LISTS
        for identifier in platform.client(service).get_paginator(operation).paginate().search(identifiers)
        if identifier
    }
    found |= {bucket["Name"] for bucket in platform.client("s3").list_buckets()["Buckets"]}
    found |= {address["PublicIp"] for address in platform.client("ec2").describe_addresses()["Addresses"]}
    queries = platform.client("logs").describe_query_definitions()["queryDefinitions"]
    found |= {query["queryDefinitionId"] for query in queries}
    clusters = platform.client("ecs").describe_clusters(clusters=[platform.name("cluster")])["clusters"]
    return found | {cluster["clusterName"] for cluster in clusters if cluster["status"] == "ACTIVE"}
