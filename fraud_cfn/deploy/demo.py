"""`make demo`: the platform's whole life on a local endpoint, by the commands that a user types."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable

from fraud_cfn import local, streams
from fraud_cfn.config import ROOT, SUFFIX_PARAMETER
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.template import document

SUFFIX = "demo"
RELEASE = "v1.1"


class _FailedError(Exception):
    """A command of the demo did not do what it should."""


def main() -> int:
    """Run it; 0 if everything worked and nothing is left."""
    began = time.monotonic()
    try:
        with local.endpoint(pace=0.02) as endpoint:
            _say(f"A local AWS endpoint runs at {endpoint.url}: no account is needed, nothing costs anything")
            _whole_life(endpoint)
    except local.EndpointError as error:
        return _failed(str(error))
    except _FailedError as error:
        return _failed(f"{error}; the local endpoint has ended, so nothing is left of it")
    except KeyboardInterrupt:
        print("\ninterrupted; the local endpoint has ended, so nothing is left", file=sys.stderr)
        return 130
    _say(f"Done in {time.monotonic() - began:.0f} s; the local endpoint has ended, and nothing runs any more")
    print(
        "To do the same on AWS, with your credentials: make deploy ENV=dev (README, 'From nothing to live')"
    )
    return 0


def _whole_life(endpoint: local.Endpoint) -> None:
    run = _runner(endpoint)
    _say("Two secrets must exist before the first deployment; here they are made up")
    local.seed(endpoint, SUFFIX)
    _say("Deploy: the template is checked and linted first, then goes out as a change set")
    run("deploy", "--yes")
    _say(
        "That was the bootstrap: repositories exist, no task runs. Push an image into each (here: stand-ins)"
    )
    for workload in _workloads():
        local.push(endpoint.url, SUFFIX, workload, "latest")
    local.push(endpoint.url, SUFFIX, "api", RELEASE)
    _say("Go live: targets are healthy, and the same tasks stay for a minute (here two seconds)")
    run("start", "--yes", "--steady", "2")
    _say("Release a new image of the API, blue/green: nothing else changes")
    run("release", "--service", "api", "--tag", RELEASE, "--yes")
    _say("What runs now")
    run("status")
    _say("Destroy it all; the name must be typed, here as an option")
    run("destroy", "--yes", "--confirm", f"TapStack{SUFFIX}")


def _runner(endpoint: local.Endpoint) -> Callable[..., None]:
    environment = {**os.environ, **endpoint.environment}
    environment.pop("AWS_PROFILE", None)

    def run(verb: str, *options: str) -> None:
        arguments = ["-m", "fraud_cfn.deploy", verb, SUFFIX, *options]
        print(f"$ {stacks.command(verb, SUFFIX, shlex.join(options))}", flush=True)
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=False)
        if done.returncode:
            raise _FailedError(f"'{verb}' ended with exit code {done.returncode}")

    return run


def _workloads() -> list[str]:
    """Of the committed template, as the names of their repositories have them."""
    resources = document.read().template["Resources"].values()
    names = [r["Properties"]["RepositoryName"] for r in resources if r["Type"] == "AWS::ECR::Repository"]
    return [n["Fn::Sub"].removeprefix("fraud-").removesuffix(f"-${{{SUFFIX_PARAMETER}}}") for n in names]


def _say(text: str) -> None:
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(f"\n\033[1m▶ {text}\033[0m" if bold else f"\n▶ {text}", flush=True)


def _failed(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    streams.survive()
    sys.exit(main())
