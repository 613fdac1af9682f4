"""A template as one deployment sees it: parameters known, conditions decided.

Rules written for plain templates judge this text: they cannot be misled by an `Fn::If`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from fraud_cfn.config import REGION
from fraud_cfn.review.model import Template
from fraud_cfn.review.resolve import Call, Reference, Side, Text, Value, scalar
from fraud_cfn.template.scenarios import ACCOUNT

_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_KEPT = ("Type", "DeletionPolicy", "UpdateReplacePolicy", "Metadata")


def resolved(template: Template, values: Mapping[str, str]) -> dict[str, Any]:
    """The template with those parameter values (defaults for the rest): references between resources
    stay, everything else is plain."""
    defaults = {
        name: scalar(declaration["Default"])
        for name, declaration in template.parameters.items()
        if "Default" in declaration
    }
    side = Side(template, {**_PSEUDO, **defaults, **values})
    properties = {
        logical_id: side.properties(logical_id, {})
        for logical_id in template.resources
        if side.exists(logical_id, {})
    }
    known = dict(_bucket_arns(template, properties))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            logical_id: {
                **_attributes(template.resources[logical_id], properties),
                "Properties": _intrinsics(value, known),
            }
            for logical_id, value in properties.items()
        },
    }


def _bucket_arns(template: Template, properties: Mapping[str, Value]) -> Iterator[tuple[Reference, str]]:
    """The ARNs that follow from a name alone, without account and region: rules look at their form."""
    for logical_id, value in properties.items():
        if template.type_of(logical_id) == "AWS::S3::Bucket" and isinstance(value.get("BucketName"), str):
            yield Reference(logical_id, "Arn"), f"arn:aws:s3:::{value['BucketName']}"


def _attributes(declaration: Mapping[str, Any], present: Container[str]) -> dict[str, Any]:
    resource = {key: declaration[key] for key in _KEPT if key in declaration}
    needed = declaration.get("DependsOn") or []
    needed = [name for name in ([needed] if isinstance(needed, str) else needed) if name in present]
    return {**resource, "DependsOn": needed} if needed else resource


def _intrinsics(value: Value, known: Mapping[Reference, str]) -> Any:
    """As `plain`, but what stays open is an intrinsic again, as CloudFormation writes it."""
    if isinstance(value, Text):
        parts = [known.get(part, part) if isinstance(part, Reference) else part for part in value.parts]
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts))
        only = parts[0] if len(parts) == 1 else None
        if isinstance(only, Reference):
            return {"Fn::GetAtt": [only.name, only.attribute]} if only.attribute else {"Ref": only.name}
        return {"Fn::Sub": str(value)}
    if isinstance(value, Call):
        return {value.function: _intrinsics(value.argument, known)}
    if isinstance(value, list):
        return [_intrinsics(item, known) for item in value]
    if isinstance(value, dict):
        return {key: _intrinsics(item, known) for key, item in value.items()}
    return value
