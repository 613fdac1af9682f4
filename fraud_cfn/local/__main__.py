"""`python -m fraud_cfn.local`: runs the local endpoint until Ctrl-C.

`python -m fraud_cfn.local --push ENV WORKLOAD TAG` puts a stand-in image there. Exit codes: 0 · 2 a usage
error, or the endpoint does not start or answer.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import suppress

from fraud_cfn import streams
from fraud_cfn.local import EndpointError, endpoint, push, seed


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.push:
            url = os.environ.get("AWS_ENDPOINT_URL", "")
            print(f"Pushed a stand-in for {push(url, *arguments.push)} to the local endpoint {url}")
            return 0
        with (
            suppress(KeyboardInterrupt),
            endpoint(arguments.port, arguments.pace, iam=arguments.iam) as running,
        ):
            for suffix in arguments.seed:
                seed(running, suffix)
            print("# A local AWS endpoint. In another terminal:")
            for name, value in running.environment.items():
                print(f"export {name}={value}")
            print("# Ctrl-C stops it; nothing of it stays.", flush=True)
            threading.Event().wait()
    except EndpointError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fraud_cfn.local", description="Run a local AWS endpoint."
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--seed",
        metavar="SUFFIX",
        action="append",
        default=[],
        help="put that environment's two secrets there",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how long each resource takes (default: no time)",
    )
    parser.add_argument(
        "--iam",
        action="store_true",
        help="judge every request by IAM's policies, over TLS (default: allow all)",
    )
    parser.add_argument(
        "--push",
        nargs=3,
        metavar=("ENV", "WORKLOAD", "TAG"),
        help="put a stand-in image onto the running endpoint that AWS_ENDPOINT_URL names, and end",
    )
    return parser


if __name__ == "__main__":
    streams.survive()
    sys.exit(main())
