"""What a node names, on every branch, before anything of it is resolved."""

from __future__ import annotations

from collections.abc import Iterator

from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.resolve import Reference, Side, references

_NOTHING = Template("nothing", {"Resources": {}})


def depends_on(declaration: dict[str, Node]) -> list[str]:
    """The logical ids that a resource waits for."""
    names = declaration.get("DependsOn")
    return [name for name in (names if isinstance(names, list) else [names]) if isinstance(name, str)]


def mentioned(node: Node) -> Iterator[Reference]:
    """Every reference in a node as it stands, on all branches."""
    if isinstance(node, list):
        for child in node:
            yield from mentioned(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "Ref" and isinstance(child, str):
                yield Reference(child)
            elif key == "Fn::GetAtt":
                name = child[0] if child and isinstance(child, list) else child
                if isinstance(name, str):
                    yield Reference(name.partition(".")[0])
            elif key == "Fn::Sub":
                yield from references(Side(_NOTHING).resolve({"Fn::Sub": child}, {}))
            else:
                yield from mentioned(child)
