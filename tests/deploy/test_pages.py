"""Every list is read to its end: what AWS pages is asked for page by page, or for what one page holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.account import clients
from tests import sources

SOURCES = sorted((ROOT / "fraud_cfn" / "deploy").rglob("*.py"))
_TOKENS = {"nexttoken", "marker", "token", "continuationtoken", "keymarker", "startingtoken"}
# Asked for by these names, an operation answers for at most so many, and in one page.
NAMED = {
    "describe_alarms": {"AlarmNames"},
    "describe_db_cluster_parameter_groups": {"DBClusterParameterGroupName"},
    "describe_db_clusters": {"DBClusterIdentifier"},
    "describe_db_instances": {"DBInstanceIdentifier"},
    "describe_db_subnet_groups": {"DBSubnetGroupName"},
    "describe_images": {"imageIds"},
    "describe_load_balancers": {"Names"},
    "describe_nat_gateways": {"NatGatewayIds"},
    "describe_repositories": {"repositoryNames"},
    "describe_rules": {"RuleArns"},
    "describe_scalable_targets": {"ResourceIds"},
    "describe_security_groups": {"GroupIds"},
    "describe_stacks": {"StackName"},
    "describe_vpc_endpoints": {"VpcEndpointIds"},
    "describe_vpcs": {"VpcIds"},
}


@cache
def pageable() -> dict[str, str]:
    """Each operation of the services we ask that may answer in pages, by its name in Python → its service."""
    session, found = botocore.session.get_session(), dict[str, str]()
    names = {
        node.slice.value
        for node in ast.walk(ast.parse(Path(clients.__file__).read_text("utf-8")))
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    }
    for service in sorted(names):
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            sent = operation.input_shape.members if operation.input_shape else {}
            came = operation.output_shape.members if operation.output_shape else {}
            tokens = [
                {key.lower() for key in members if key.lower().endswith(tuple(_TOKENS))}
                for members in (sent, came)
            ]
            if all(tokens):
                found[xform_name(name)] = service
    return found


def unpaged(tree: ast.Module) -> Iterator[str]:
    """Calls that read one page: without a paginator, without names, and without a token in a loop."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    looped = {id(call) for loop in loops for call in ast.walk(loop) if isinstance(call, ast.Call)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
        by_name = isinstance(call.func, ast.Name) and len(texts) == 3  # leftovers' _asks
        operation = texts[1] if by_name else getattr(call.func, "attr", "")
        words = {texts[2]} if by_name else {keyword.arg for keyword in call.keywords}
        if operation not in pageable() or words & NAMED.get(operation, set()):
            continue
        if not (id(call) in looped and None in words):  # `**asked` that holds the token
            yield f"{operation} in line {call.lineno}"


def test_what_pages_is_known_from_awss_models() -> None:
    assert {"describe_stack_events", "list_service_deployments", "list_object_versions"} <= set(pageable())
    assert not {"describe_tasks", "describe_services", "get_schedule"} & set(pageable())


def test_a_call_that_reads_one_page_is_seen() -> None:
    one_page = "session.client('ec2').describe_security_groups(Filters=wanted)"
    assert list(unpaged(ast.parse(one_page))) == ["describe_security_groups in line 1"]
    assert list(unpaged(ast.parse("x.describe_vpcs(VpcIds=[vpc])"))) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_list_is_read_one_page_only(path: Path) -> None:
    assert list(unpaged(sources.tree(path))) == []
