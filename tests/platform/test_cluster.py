from __future__ import annotations

from tests.lens import Lens


def test_cluster_has_fargate_and_fargate_spot_only(base: Lens) -> None:
    (association,) = base.of("AWS::ECS::ClusterCapacityProviderAssociations").values()
    assert association["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert "CapacityProviders" not in base["Cluster"]


def test_container_insights_are_enhanced(base: Lens) -> None:
    assert base["Cluster"]["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enhanced"}]


def test_services_share_a_private_namespace(base: Lens) -> None:
    assert base["Namespace"]["Name"] == "fraud-dev.internal"
    assert base["Namespace"]["Vpc"] == "<Vpc>"
