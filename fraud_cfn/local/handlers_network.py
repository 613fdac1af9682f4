"""The network's types that ministack lacks: address, NAT gateway, stand-alone rules, web ACL association."""

from __future__ import annotations

from contextlib import suppress

from ministack.services.cloudformation import provisioners

from fraud_cfn.local.requests import Created, Handler, Properties, element, query, tags


def _create_address(_logical_id: str, props: Properties, _stack: str) -> Created:
    body = query("AllocateAddress", {"Domain": "vpc", **tags("elastic-ip", props)})
    public_ip = element(body, "publicIp")
    return public_ip, {"AllocationId": element(body, "allocationId"), "PublicIp": public_ip}


def _update_address(public_ip: str, old: Properties, new: Properties, _stack: str) -> Created:
    allocation = _allocation(public_ip)
    _tag(allocation, old, new)
    return public_ip, {"AllocationId": allocation, "PublicIp": public_ip}


def _delete_address(public_ip: str, _props: Properties) -> None:
    query("ReleaseAddress", {"AllocationId": _allocation(public_ip)})


def _allocation(public_ip: str) -> str:
    for address in query("DescribeAddresses", {}).split(b"</item>"):
        if f"<publicIp>{public_ip}<".encode() in address:
            return element(address, "allocationId")
    raise ValueError(f"there is no address {public_ip}")


def _tag(resource: str, old: Properties, new: Properties) -> None:
    query("DeleteTags", {"ResourceId": [resource], "Tag": old.get("Tags", [])})
    query("CreateTags", {"ResourceId": [resource], "Tag": new.get("Tags", [])})


def _create_nat(_logical_id: str, props: Properties, _stack: str) -> Created:
    gateway = element(query("CreateNatGateway", {**props, **tags("natgateway", props)}), "natGatewayId")
    return gateway, {"NatGatewayId": gateway}


def _update_nat(gateway: str, old: Properties, new: Properties, _stack: str) -> Created:
    _tag(gateway, old, new)
    return gateway, {"NatGatewayId": gateway}


def _delete_nat(gateway: str, _props: Properties) -> None:
    query("DeleteNatGateway", {"NatGatewayId": gateway})


def _rule_handlers(direction: str) -> Handler:
    """The handlers of a stand-alone security group rule; only its description changes in place."""

    def create(_logical_id: str, props: Properties, _stack: str) -> Created:
        permission = provisioners._ec2_sg_permissions([props])[0]
        permission["Groups"] = permission.pop("UserIdGroupPairs")  # its name in a request
        body = query(
            f"AuthorizeSecurityGroup{direction}", {"GroupId": props["GroupId"], "IpPermissions": [permission]}
        )
        rule = element(body, "securityGroupRuleId")
        return rule, {"Id": rule}

    def update(rule: str, _old: Properties, new: Properties, stack: str) -> Created:
        delete(rule, new)
        return create("", new, stack)

    def delete(rule: str, props: Properties) -> None:
        request = {"GroupId": props["GroupId"], "SecurityGroupRuleId": [rule]}
        with suppress(ValueError):  # the group may be gone
            query(f"RevokeSecurityGroup{direction}", request)

    return {"create": create, "update": update, "delete": delete}


def _create_web_acl_association(_logical_id: str, props: Properties, _stack: str) -> Created:
    """As declared; web ACLs that exist already are not known here."""
    return f"{props['ResourceArn']}|{props['WebACLArn']}", {}


def _delete_web_acl_association(_identifier: str, _props: Properties) -> None:
    pass


HANDLERS: dict[str, Handler] = {
    "AWS::EC2::EIP": {"create": _create_address, "update": _update_address, "delete": _delete_address},
    "AWS::EC2::NatGateway": {"create": _create_nat, "update": _update_nat, "delete": _delete_nat},
    "AWS::EC2::SecurityGroupEgress": _rule_handlers("Egress"),
    "AWS::EC2::SecurityGroupIngress": _rule_handlers("Ingress"),
    "AWS::WAFv2::WebACLAssociation": {
        "create": _create_web_acl_association,
        "delete": _delete_web_acl_association,
    },
}
