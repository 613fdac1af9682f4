"""Whether the images that services are to run were pushed."""

from __future__ import annotations

from collections.abc import Iterable

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.stack.stacks import Stack

NAMES = ("api", "worker", "job")
_MISSING = ("ImageNotFoundException", "RepositoryNotFoundException")


def parameter(name: str) -> str:
    """The parameter that holds the image's tag."""
    return f"{name.title()}ImageTag"


def must_exist(session: Session, stack: Stack, tags: Iterable[tuple[str, str]]) -> None:
    """`UsageError` that names each missing image of (name, tag), and how to push it."""
    missing = [f"{_uri(stack, name)}:{tag}" for name, tag in tags if not _exists(session, stack, name, tag)]
    if not missing:
        return
    registry = missing[0].split("/")[0]
    login = (
        "aws ecr get-login-password --region eu-central-1"
        f" | docker login --username AWS --password-stdin {registry}"
    )
    pushes = "".join(f"\n  docker push {one}" for one in missing)
    raise UsageError(
        f"{len(missing)} image{'s are' if len(missing) > 1 else ' is'} not in the repository: "
        f"{', '.join(one.split('/')[-1] for one in missing)}",
        f"build and push, then run it again:\n  {login}{pushes}",
    )


def _uri(stack: Stack, name: str) -> str:
    return stack.outputs[f"{name.title()}RepositoryUri"]


def _exists(session: Session, stack: Stack, name: str, tag: str) -> bool:
    repository = _uri(stack, name).split("/", 1)[1]
    try:
        found = session.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if code_of(error) not in _MISSING:
            raise
        return False
    return bool(found["imageDetails"])
