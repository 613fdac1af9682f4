"""The command: `python -m fraud_cfn.review BEFORE AFTER`."""

from __future__ import annotations

from fraud_cfn import streams
from fraud_cfn.review.cli import main

if __name__ == "__main__":
    streams.survive()
    raise SystemExit(main())
