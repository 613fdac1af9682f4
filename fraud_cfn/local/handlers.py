"""CloudFormation types that ministack lacks or gets wrong, on the APIs that it has.

Nothing of ministack is copied: its registry takes the handlers, its services keep
what they make.
"""

from __future__ import annotations

from ministack.services.cloudformation import provisioners

from fraud_cfn.local import handlers_kept, handlers_network, handlers_workloads
from fraud_cfn.local.create_only import CREATE_ONLY

# Types that ministack gives none of the stack's tags, and their property for them.
_TAGGED = ("AWS::EC2::EIP", "AWS::EC2::NatGateway", "AWS::ECS::TaskDefinition", "AWS::RDS::DBCluster")


def register() -> None:
    """Put every handler into ministack's registry, once, before it serves."""
    provisioners._RESOURCE_HANDLERS.update(handlers_network.HANDLERS | handlers_workloads.HANDLERS)
    handlers_kept.register()
    provisioners._REPLACING_PROPERTIES.update(CREATE_ONLY)
    provisioners._STACK_TAG_PROPERTY.update(dict.fromkeys(_TAGGED, ("Tags", "list")))
