"""What there can be only one of: who has a name or an identity before the change, and who takes it after."""

from __future__ import annotations

from functools import cached_property

from fraud_cfn.review import facts
from fraud_cfn.review.diff import ABSENT, at, canonical
from fraud_cfn.review.effects import meets
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.resolve import Side, Value, World, references
from fraud_cfn.review.schemas import Path_, schema


class Identities:
    """The names and identities of one change."""

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self.pair = judgement.pair

    def _of(self, logical_id: str, side: Side, world: World) -> tuple[str, ...] | None:
        """What there can be only one of, as text; None where there is nothing of the kind."""
        type_name = side.template.type_of(logical_id)
        properties = side.properties(logical_id, world)
        paths = _paths(type_name)
        if facts.name_property(type_name) is not None:
            is_one = at(properties, paths[0]) is not ABSENT
        elif type_name in facts.IDENTITIES:
            is_one = _is_given(properties, paths)
        else:
            is_one = bool(paths) and all(at(properties, path) is not ABSENT for path in paths)
        return (type_name, *(canonical(at(properties, path)) for path in paths)) if is_one else None

    @cached_property
    def _identities_before(self) -> dict[str, set[tuple[str, ...]]]:
        found: dict[str, set[tuple[str, ...]]] = {}
        for logical_id in self.pair.before.template.resources:
            for world in self.pair.worlds(logical_id):
                if identity := self._of(logical_id, self.pair.before, world):
                    found.setdefault(logical_id, set()).add(identity)
        return found

    def taken_by(self, logical_id: str) -> str | None:
        """The resource of BEFORE that already has the name or identity which this one takes anew."""
        own = self._identities_before.get(logical_id, set())
        for world in self.pair.worlds(logical_id):
            identity = self._of(logical_id, self.pair.after, world)
            if identity in own or self._is_of_replaced(logical_id, world):
                continue
            for other, identities in self._identities_before.items():
                if identity in identities:
                    return other
        return None

    def _is_of_replaced(self, logical_id: str, world: World) -> bool:
        """Whether its identity stands on a resource that is made anew, and so is another one."""
        paths = _paths(self.pair.after.template.type_of(logical_id))
        properties = self.pair.after.properties(logical_id, world)
        return any(
            reference.name in self.judgement.views
            and self.judgement.attribute_moves(reference.name, reference.attribute or "", world) == "yes"
            for path in paths
            for reference in references(at(properties, path))
        )

    def is_kept(self, logical_id: str) -> bool:
        """Whether it is replaced by one of the same identity, which cannot be while the old one is there."""
        paths = facts.IDENTITIES.get(self.pair.type_of(logical_id), ())
        return any(
            view.replacement != "no"
            and not any(meets(path, leaf.difference.steps) for path in paths for leaf in view.leaves.values())
            and _is_given(view.after, paths)
            for view in self.judgement.views[logical_id]
        )


def _paths(type_name: str) -> tuple[Path_, ...]:
    """Where an identity stands: the custom name with its scope, or what AWS tells them apart by."""
    name = facts.name_property(type_name)
    if name is not None:
        return ((name,), *facts.NAME_SCOPES.get(type_name, ()))
    known = schema(type_name)
    return facts.IDENTITIES.get(type_name, known.identifier if known else ())


def _is_given(properties: Value, paths: tuple[Path_, ...]) -> bool:
    """Whether the template gives any part of an identity; the parts that it leaves out count as such."""
    return any(at(properties, path) is not ABSENT for path in paths)
