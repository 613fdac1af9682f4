"""The cluster and its namespace, property by property: one more is as wrong as one less."""

from __future__ import annotations

from tests.lens import Lens
from tests.required import LOG_DAYS

KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"


def test_cluster_has_fargate_and_fargate_spot_only(base: Lens) -> None:
    assert base.of("AWS::ECS::ClusterCapacityProviderAssociations") == {
        "ClusterCapacityProviders": {
            "Cluster": "<Cluster>",
            "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
        }
    }


def test_container_insights_are_enhanced(base: Lens) -> None:
    assert base.of("AWS::ECS::Cluster") == {
        "Cluster": {
            "ClusterName": "fraud-cluster-dev",
            "ClusterSettings": [{"Name": "containerInsights", "Value": "enhanced"}],
        }
    }


def test_container_insights_keep_the_required_days_under_the_customers_key_where_there_is_one(
    base: Lens,
) -> None:
    logs = {
        "LogGroupName": "/aws/ecs/containerinsights/fraud-cluster-dev/performance",
        "RetentionInDays": LOG_DAYS,
    }
    assert base["ContainerInsightsLogs"] == logs
    assert base.under(DataKmsKeyArn=KEY)["ContainerInsightsLogs"] == logs | {"KmsKeyId": KEY}


def test_services_share_a_private_namespace(base: Lens) -> None:
    assert base.of("AWS::ServiceDiscovery::PrivateDnsNamespace") == {
        "Namespace": {
            "Name": "fraud-dev.internal",
            "Vpc": "<Vpc>",
        }
    }
