"""CloudFormation's intrinsic functions, written with objects instead of names; and reasons beside values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import AWSHelperFn, AWSObject, GetAtt, If, Ref, Sub

from fraud_cfn.config import SUFFIX_PARAMETER

NO_VALUE = Ref("AWS::NoValue")
ACCOUNT = Ref("AWS::AccountId")
REGION = Ref("AWS::Region")
PARTITION = Ref("AWS::Partition")
SUFFIX = Ref(SUFFIX_PARAMETER)

# Nothing is retained: said of everything that holds data, though for most it is the default.
DELETED: dict[str, Any] = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}


@dataclass(frozen=True)
class Condition:
    """A named condition of the template, with its test."""

    title: str
    test: AWSHelperFn

    def choose(self, yes: Any, no: Any = NO_VALUE) -> If:
        """`yes` where the condition holds, else `no` (by default the property is left out)."""
        return If(self.title, yes, no)

    def choose_not(self, no: Any) -> If:
        """`no` where the condition does not hold, else the property is left out."""
        return If(self.title, NO_VALUE, no)


REASON, VALUE = "Reason", "Value"


class Because(AWSHelperFn):
    """A value with the reason for it, a comment in the YAML; the template itself has the value only."""

    def __init__(self, value: Any, reason: str) -> None:
        self.value, self.reason = value, reason

    def to_dict(self) -> Any:
        value = self.value
        if isinstance(value, list):  # as troposphere writes DependsOn
            value = [item.title if isinstance(item, AWSObject) else item for item in value]
        return {f"Fn::{type(self).__name__}": {REASON: self.reason, VALUE: value}}


def because(value: Any, reason: str) -> Any:
    """The value of a property, with what a reviewer must know of it: one line, which becomes a comment."""
    return Because(value, reason)


def variable(value: Ref | GetAtt) -> str:
    """`${Thing}` or `${Thing.Attribute}`: how `Fn::Sub` writes the reference."""
    (target,) = value.data.values()
    return "${" + (target if isinstance(target, str) else ".".join(target)) + "}"


def sub(text: str, **values: Ref | GetAtt) -> Sub:
    """`Fn::Sub` of a text with `{field}`s; `partition`, `region`, `account` and `suffix` are given.

    >>> sub("{queue}-x", queue=Ref("Jobs")).to_dict()
    {'Fn::Sub': '${Jobs}-x'}
    """
    fields = {"partition": PARTITION, "region": REGION, "account": ACCOUNT, "suffix": SUFFIX} | values
    return Sub(text.format(**{field: variable(value) for field, value in fields.items()}))
