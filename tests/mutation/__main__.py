"""Breaks the committed template on purpose, one fault at a time, and says which faults nobody saw.

    python -m tests.mutation [--every N [--write]] [--only TEXT]

Judges: the tests of the template, and cloudformation-validate. A fault that changes nothing for anybody
is listed in equivalent.yaml with its reason. A whole run takes minutes, and writes docs/faults.md.
Exit codes: 0 no more survivors than allowed · 1 survivors over the aim, or an entry of that list that no
survivor needs.
"""

from __future__ import annotations

import argparse
import sys

from tests.mutation.report import report
from tests.mutation.runner import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="a fixed sample: every Nth fault")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults whose name has this text")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md of a sample too")
    options = parser.parse_args()
    write = not options.only and (options.every == 1 or options.write)
    verdicts, number = run(options.every, options.only, ask_validator=write)
    return report(verdicts, options.every, number, write=write)


if __name__ == "__main__":
    sys.exit(main())
