"""Images: whether those that workloads are to run were pushed, which run now, and which ran before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, cast

from botocore.exceptions import ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import services
from fraud_cfn.deploy.running.tasks import PLATFORMS
from fraud_cfn.deploy.running.workloads import Workload

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_REMEMBERED = 20  # deployments, or revisions, that are looked through for what ran before


@dataclass(frozen=True)
class Ran:
    """An image that a workload runs or ran; what AWS does not tell is empty."""

    tag: str
    digest: str
    since: datetime | None
    revision: str  # family:number


def must_exist(session: Session, wanted: Iterable[tuple[Workload, str]], architecture: str) -> dict[str, str]:
    """Name → digest of each workload's image with that tag. `UsageError` that names each missing image and
    how to push it, or one that has no build for `architecture` (CpuArchitecture's value). A workload whose
    image is not of this stack's repositories is passed over."""
    digests: dict[str, str] = {}
    missing: dict[str, tuple[str, str]] = {}
    gone: dict[str, str] = {}  # repository → the image that is wanted of it
    foreign: list[str] = []
    for workload, tag in wanted:
        if workload.repository is None:
            continue
        repository = workload.repository.physical_id
        try:
            described = _described(session, repository, tag)
        except session.client("ecr").exceptions.RepositoryNotFoundException:
            gone[repository] = f"{repository}:{tag}"
            continue
        if described is None:
            missing[f"{repository}:{tag}"] = (workload.name, tag)
            continue
        digests[workload.name], kind = described
        built = _architectures(session, repository, tag) if kind in _INDEXES else set[str]()
        if built and architecture and PLATFORMS.get(architecture, architecture) not in built:
            foreign.append(f"{repository}:{tag} is built for {', '.join(sorted(built))}")
    lacks = [_no_repository(gone)] if gone else []
    lacks += [_not_pushed(session, missing, architecture)] if missing else []
    if lacks:
        raise UsageError("; ".join(one.message for one in lacks), "\n".join(one.next_step for one in lacks))
    if foreign:
        platform = PLATFORMS.get(architecture, architecture)
        raise UsageError(
            f"{'; '.join(foreign)}, but CpuArchitecture is {architecture}",
            f"build it with --platform {platform} and push it under a new tag",
        )
    return digests


def _no_repository(gone: Mapping[str, str]) -> UsageError:
    """CloudFormation does not know that somebody deleted what it made, and so does not make it again."""
    several = len(gone) > 1
    made = "".join(f"\n  aws ecr create-repository --region {REGION} --repository-name {one}" for one in gone)
    return UsageError(
        f"the repositor{'ies' if several else 'y'} {', '.join(gone)} do{'' if several else 'es'} not exist: "
        "somebody deleted what the stack made",
        f"make it again, then push {', '.join(gone.values())}:{made}",
    )


def _not_pushed(session: Session, missing: Mapping[str, tuple[str, str]], architecture: str) -> UsageError:
    """`missing`: an image → its workload and tag."""
    what = (
        f"{len(missing)} image{'s are' if len(missing) > 1 else ' is'} not in the repository: "
        f"{', '.join(missing)}"
    )
    if session.answering.local:
        there = f"AWS_ENDPOINT_URL={session.url} " if session.url else ""
        pushes = "".join(f"\n  {there}{_stand_in(image, *which)}" for image, which in missing.items())
        return UsageError(what, f"put stand-ins onto the local endpoint, then run it again:{pushes}")
    registry = f"{session.account}.dkr.ecr.{REGION}.amazonaws.com"
    login = (
        f"aws ecr get-login-password --region {REGION}"
        f" | docker login --username AWS --password-stdin {registry}"
    )
    platform = PLATFORMS.get(architecture, "linux/amd64")
    pushes = "".join(f"\n  docker push {registry}/{image}" for image in missing)
    return UsageError(
        what,
        f"build (--platform {platform}) and push, then run it again:\n  {login}{pushes}",
    )


def _stand_in(image: str, name: str, tag: str) -> str:
    suffix = image.partition(":")[0].removeprefix(f"fraud-{name}-")
    return f"make push-local ENV={suffix} SERVICE={name} TAG={tag}"


def _described(session: Session, repository: str, tag: str) -> tuple[str, str] | None:
    """Digest and media type; `None` if there is no such image."""
    try:
        answer = session.client("ecr").describe_images(
            repositoryName=repository, imageIds=[{"imageTag": tag}]
        )
    except ClientError as error:
        if code_of(error) != "ImageNotFoundException":
            raise
        return None
    for image in answer["imageDetails"]:
        return image.get("imageDigest", ""), image.get("imageManifestMediaType", "")
    return None


def _architectures(session: Session, repository: str, tag: str) -> set[str]:
    """The platforms that an image of several builds has; empty where that cannot be told."""
    try:
        answer = session.client("ecr").batch_get_image(
            repositoryName=repository, imageIds=[{"imageTag": tag}], acceptedMediaTypes=list(_INDEXES)
        )
        manifest = cast("dict[str, Any]", json.loads(answer["images"][0].get("imageManifest", "")))
        platforms = [cast("dict[str, str]", one.get("platform", {})) for one in manifest["manifests"]]
    except (ClientError, LookupError, ValueError, TypeError, AttributeError):
        return set()
    known = {f"{one.get('os', '')}/{one.get('architecture', '')}" for one in platforms}
    return {platform for platform in known if "unknown" not in platform and platform != "/"}


# ── What runs, and what ran before ────────────────────────────────────────────────────────────────


def ran(session: Session, workload: Workload) -> list[Ran]:
    """What its workload runs and what ran before it, newest first, one entry for each change of the image.

    A service's successful deployments tell it, with digests; where ECS remembers none, and of a scheduled
    task, the revisions of its task definition do.
    """
    found = _deployed(session, workload) if workload.service_name else []
    found = found or _registered(session, workload)
    return [image for number, image in enumerate(found) if number == 0 or not _same(image, found[number - 1])]


def _same(one: Ran, other: Ran) -> bool:
    """Whether it is one image; ECS knows no digest of what was deployed at 0 tasks."""
    return one.tag == other.tag and (one.digest == other.digest or not (one.digest and other.digest))


def _deployed(session: Session, workload: Workload) -> list[Ran]:
    """By the successful deployments of its service."""
    briefs = sorted(
        services.history(session, workload, "SUCCESSFUL"),
        key=lambda brief: str(brief.get("createdAt", "")),
        reverse=True,
    )[:_REMEMBERED]
    since = {
        brief.get("targetServiceRevisionArn", ""): brief.get("startedAt") or brief.get("createdAt")
        for brief in reversed(briefs)
    }
    arns = [arn for arn in reversed(since) if arn]
    if not arns:
        return []
    answer = session.client("ecs").describe_service_revisions(serviceRevisionArns=arns)
    images: dict[str, Ran] = {}
    for revision in answer["serviceRevisions"]:
        arn = revision.get("serviceRevisionArn", "")
        for image in revision.get("containerImages", ()):
            if image.get("containerName") == workload.container:
                tag = _tag(image.get("image", ""))
                short = _short(revision.get("taskDefinition", ""))
                images[arn] = Ran(tag, image.get("imageDigest", ""), since.get(arn), short)
    return [images[arn] for arn in arns if arn in images]


def _registered(session: Session, workload: Workload) -> list[Ran]:
    """By the revisions of its task definition, the stack's first and then older ones."""
    current = workload.task_definition.physical_id
    if not current:
        return []
    ecs = session.client("ecs")
    pages = ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=workload.family, status="INACTIVE", sort="DESC"
    )
    older = (
        arn
        for page in pages
        for arn in page["taskDefinitionArns"]
        if _family(arn) == workload.family and _number(arn) < _number(current)
    )
    found: list[Ran] = []
    for arn in [current, *islice(older, _REMEMBERED)]:
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        for container in definition.get("containerDefinitions", ()):
            if container.get("name") == workload.container:
                at = definition.get("registeredAt")
                found.append(Ran(_tag(container.get("image", "")), "", at, _short(arn)))
        if len(found) > 1 and found[-1].tag != found[0].tag:
            break
    return found


def _tag(image: str) -> str:
    """The tag of an image's address; empty where it has only a digest."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def _family(arn: str) -> str:
    return _short(arn).rpartition(":")[0]


def _number(arn: str) -> int:
    return int(arn.rpartition(":")[2] or 0) if arn.rpartition(":")[2].isdigit() else 0


def _short(arn: str) -> str:
    return arn.split("/")[-1]
