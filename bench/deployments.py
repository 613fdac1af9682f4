"""Deploying to the local endpoint: whole processes, and the API calls that each makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

from bench.process import Cost, measure
from bench.table import Table, seconds
from fraud_cfn import local
from fraud_cfn.template.document import read

SUFFIX = "bench"
_COMMAND = """
import botocore.httpsession as http, contextlib, io, sys
calls, send = [], http.URLLib3Session.send
http.URLLib3Session.send = lambda self, request: calls.append(request) or send(self, request)
from fraud_cfn.deploy.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(sys.stdout):
    code = main(sys.argv[1:])
print(f"\\n{len(calls)}")
sys.exit(code)
"""


def tables() -> Iterator[Table]:
    resources = len(read().template["Resources"])
    with local.endpoint() as endpoint, mock.patch.dict(os.environ, endpoint.environment):
        local.seed(endpoint, SUFFIX)
        bare = measure(["-c", "pass"], 5)
        _run("plan")  # caches bytecode, and leaves nothing
        rows = [
            _row("first deployment", _run("deploy", "--yes"), bare),
            _row("deployment without changes", _run("deploy", "--yes"), bare),
            _row("update", _run("deploy", "--yes", "--param", "DatabaseMaxCapacity=8"), bare),
            _row("plan of an update", _run("plan", "--param", "DatabaseMaxCapacity=16"), bare),
            _row("destruction", _run("destroy", "--yes", "--confirm", f"TapStack{SUFFIX}"), bare),
        ]
    yield Table(
        f"Deployments of {resources} resources on the local endpoint (one run; the template proven before)",
        ("", "wall", "CPU", "CPU × pass", "API calls"),
        rows,
    )


def _run(verb: str, *options: str) -> Cost:
    """Once: a second run of the same would find nothing to do."""
    return measure(["-c", _COMMAND, verb, SUFFIX, *options], runs=1, warm=False)


def _row(what: str, cost: Cost, bare: Cost) -> tuple[str, ...]:
    calls = cost.output.split()[-1]
    return (what, seconds(cost.wall), seconds(cost.cpu), f"{cost.cpu / bare.cpu:.1f}", calls)
