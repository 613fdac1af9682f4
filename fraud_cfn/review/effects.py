"""What a change of one property does by itself, as its type's schema and the table of deviations say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from fraud_cfn.review import facts
from fraud_cfn.review.changes import Certainty
from fraud_cfn.review.resolve import Call, Text, Value
from fraud_cfn.review.schemas import Path_, Schema, schema


def meets(pointer: Path_, steps: tuple[str, ...]) -> bool:
    """Whether one path is the other one or leads to it."""
    return all(one == another for one, another in zip(pointer, steps, strict=False))


@dataclass(frozen=True)
class Effect:
    """What a change of one leaf does, before anything is known of the rest."""

    replaces: Certainty
    why: str
    fails: bool = False
    interrupts: bool = False


@cache
def effect_at(type_name: str, steps: tuple[str, ...], any_macro: bool) -> Effect:
    """What a change does at that place; `any_macro`: a macro sees the whole template."""
    known = schema(type_name)
    if known is None:
        return Effect("maybe", "no schema tells what this type does")
    interrupts = any(meets(path, steps) for path in facts.INTERRUPTS.get(type_name, ()))
    base = _by_schema(known, steps, any_macro)
    for row in facts.DEVIATIONS:
        if row.type_name == known.type_name and meets(row.path, steps):
            if row.effect == "fails":
                return replace(base, why=row.why, fails=True)
            if row.effect == "unseen":
                return Effect("maybe", row.why)
            return Effect("yes", row.why)
    return replace(base, interrupts=interrupts)


def _by_schema(known: Schema, steps: tuple[str, ...], any_macro: bool) -> Effect:
    if any(meets(pointer, steps) for pointer in known.create_only):
        return Effect("yes", "create-only")
    if any(meets(pointer, steps) for pointer in known.conditionally_create_only):
        return Effect("maybe", "conditionally create-only")
    if steps[:1] == ("Tags",):
        return Effect("maybe", "a macro sees the template") if any_macro else Effect("no", "")
    if not known.is_updatable:
        return Effect("yes", "this type cannot be updated")
    if known.type_name == "AWS::CloudFormation::CustomResource":
        return Effect("maybe", "its handler decides")
    if not known.says_what_replaces and known.type_name != "AWS::CDK::Metadata":
        return Effect("maybe", "its schema does not tell what replaces it")
    if any(step.startswith("Fn::") for step in steps):
        return Effect("maybe", "what a loop or transform makes of it is not known")
    return Effect("maybe", "a macro sees the template") if any_macro else Effect("no", "")


def has_transform(value: Value) -> bool:
    """Whether something in it is made by a macro or a loop."""
    if isinstance(value, Call):
        return value.function.startswith(("Fn::Transform", "Fn::ForEach")) or has_transform(value.argument)
    if isinstance(value, Text):
        return any(has_transform(part) for part in value.parts)
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(has_transform(child) for child in children)
