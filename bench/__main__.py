"""Measures and prints tables: `python -m bench [SECTION…]`, by default every section."""

from __future__ import annotations

import argparse
from importlib import import_module

from fraud_cfn import streams

# A section is a module of this folder with `tables()`, which measures and yields its tables.
SECTIONS = ("generation", "size", "validation", "growth", "deployments", "suite")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure this project.")
    parser.add_argument("section", nargs="*", help=f"any of: {', '.join(SECTIONS)} (default: all)")
    chosen = parser.parse_args().section
    if unknown := [section for section in chosen if section not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}; there are: {', '.join(SECTIONS)}")
    for section in chosen or SECTIONS:
        for table in import_module(f"bench.{section}").tables():
            print(f"\n{table}", flush=True)
    return 0


if __name__ == "__main__":
    streams.survive()
    raise SystemExit(main())
