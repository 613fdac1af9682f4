"""A review as JSON for machines: keys may be added, none is renamed."""

from __future__ import annotations

from typing import Any

from fraud_cfn.review.changes import Change, Detail
from fraud_cfn.review.redact import masked, without
from fraud_cfn.review.review import Review


def document(review: Review) -> dict[str, Any]:
    """The whole review; `predicted` says that the change set is the authority."""
    return without(_document(review), review.secrets)


def _document(review: Review) -> dict[str, Any]:
    return {
        "verdict": review.verdict,
        "predicted": True,
        "changes": [_change(review, change) for change in review.changes],
        "permissions": [entry.to_json() for entry in review.access.permissions],
        "roles": [{"role": role, "permissions": way} for role, way in review.access.roles.items()],
        "policies": [
            {"logical_id": name, "permissions": way} for name, way in review.access.policies.items()
        ],
        "reachability": [entry.to_json() for entry in review.access.reachability],
        "parameters": [
            {
                "name": entry.name,
                "change": entry.change,
                "before": masked(entry.name, entry.before),
                "after": masked(entry.name, entry.after),
                "class": "will-fail" if entry.fails else None,
                "because": entry.fails or entry.note or None,
            }
            for entry in review.parameters
        ],
        "outputs": [
            {
                "name": entry.name,
                "change": entry.change,
                "class": "will-fail" if entry.fails else None,
                "because": entry.fails or entry.note or None,
            }
            for entry in review.outputs
        ],
        "tags": [
            {
                "name": tag.name,
                "before": masked(tag.name, tag.before),
                "after": masked(tag.name, tag.after),
            }
            for tag in review.tags
        ],
        "unjudged": list(review.unjudged),
        "refused": list(review.refused),
        "findings": [
            {
                "kind": finding.kind,
                "logical_id": finding.logical_id,
                "path": finding.path,
                "direction": finding.direction,
                "maybe": bool(finding.depends_on),
                "depends_on": list(finding.depends_on),
            }
            for finding in review.findings
        ],
    }


def _change(review: Review, change: Change) -> dict[str, Any]:
    return {
        "logical_id": change.logical_id,
        "type": change.type,
        "action": change.action,
        "replacement": change.replacement,
        "class": change.class_,
        "maybe": change.is_maybe,
        "renamed_to": change.renamed_to,
        "renamed_from": change.renamed_from,
        "defined_in": review.defined_in.get(change.logical_id),
        "because": list(change.reasons),
        "details": [_detail(detail) for detail in change.details],
    }


def _detail(detail: Detail) -> dict[str, Any]:
    return {
        "path": detail.path,
        "before": masked(detail.path, detail.before),
        "after": masked(detail.path, detail.after),
        "replacement": detail.replacement,
        "because": detail.because,
    }
