"""The size of the template against CloudFormation's limits.

Source of the limits: CloudFormation User Guide, "Understand CloudFormation quotas".
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.table import Table, share
from fraud_cfn.config import INLINE_LIMIT
from fraud_cfn.template.document import read

BUCKET_LIMIT = 1_000_000  # bytes of a template that is read from S3
RESOURCES, PARAMETERS, OUTPUTS = 500, 200, 200


def tables() -> Iterator[Table]:
    document = read()
    committed = len(document.text.encode())
    minified = len(document.minified().encode())
    yield Table(
        "Size of the committed template",
        ("", "value", "limit"),
        [
            ("bytes of YAML, through a bucket", share(committed, BUCKET_LIMIT), f"{BUCKET_LIMIT:,}"),
            ("bytes minified, in a request", share(minified, INLINE_LIMIT), f"{INLINE_LIMIT:,}"),
            *(
                (part.lower(), share(len(document.template[part]), limit), str(limit))
                for part, limit in (
                    ("Resources", RESOURCES),
                    ("Parameters", PARAMETERS),
                    ("Outputs", OUTPUTS),
                )
            ),
        ],
    )
