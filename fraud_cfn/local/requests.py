"""Requests to ministack's services, from the properties of a template."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from ministack.services import ec2, ecs

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]  # what Ref gives, and what GetAtt gives
Action = Callable[..., tuple[int, Any, bytes]]
Handler = dict[str, Callable[..., Any]]  # create, update, delete


def input_of(service: str, operation: str, props: Properties) -> dict[str, Any]:
    """Properties as that operation's input: its names, its types. A property it lacks is an error."""
    shape = service_model(service).operation_model(operation).input_shape
    return _shaped(props, shape, operation)


@cache
def service_model(service: str) -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _shaped(value: Any, shape: Any, where: str) -> Any:
    if shape.type_name == "structure":
        members = {name.lower(): name for name in shape.members}
        if unknown := [name for name in value if name.lower() not in members]:
            raise ValueError(f"{where} has no {', '.join(unknown)}")
        named = {members[name.lower()]: part for name, part in value.items()}
        return {name: _shaped(part, shape.members[name], f"{where}.{name}") for name, part in named.items()}
    if shape.type_name == "list":
        return [_shaped(part, shape.member, where) for part in value]
    if shape.type_name == "map":
        return {name: _shaped(part, shape.value, where) for name, part in value.items()}
    return _SCALARS.get(shape.type_name, str)(value)


def boolean(value: Any) -> bool:
    return str(value).lower() == "true"  # a parameter is a string


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "boolean": boolean,
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
}


def call(action: Action, *request: Any) -> bytes:
    """Do an action of a service; an error answer becomes the reason of the resource's failure."""
    status, _, body = action(*request)
    if status >= 400:
        text = body.decode()
        message = re.search(r'<Message>(.*?)</Message>|"message": *"(.*?)"', text)
        reason = next(filter(None, message.groups())) if message else text
        raise ValueError(handler_error(reason))
    return body


def handler_error(reason: str) -> str:
    """A resource's failure in CloudFormation's words (aws/copilot-cli#5296)."""
    token = f"RequestToken: {uuid.uuid4()}, HandlerErrorCode: GeneralServiceException"
    return f'Resource handler returned message: "{reason}" ({token})'


def query(action: str, request: dict[str, Any]) -> bytes:
    """`call` of an EC2 action."""
    return call(_answer, ec2, {}, urlencode({"Action": action, **_flat(request)}, doseq=True))


def json_call(service: Any, action: str, request: dict[str, Any]) -> bytes:
    """`call` of an action of a service that speaks JSON."""
    return call(_answer, service, {"x-amz-target": f"local.{action}"}, json.dumps(request))


def ecs_call(action: str, request: dict[str, Any]) -> dict[str, Any]:
    """As `json_call`, for ECS, whose front door waits for a thread."""
    return json.loads(call(ecs._ACTION_MAP[action], request))


def _answer(service: Any, headers: dict[str, str], body: str) -> tuple[int, Any, bytes]:
    """What a service answers that need not wait for anything."""
    answering = service.handle_request("POST", "/", headers, body, {})
    try:
        answering.send(None)
    except StopIteration as answered:
        return answered.value
    raise RuntimeError(f"{service.__name__} waits instead of answering")


def _flat(value: Any, prefix: str = "") -> dict[str, list[str]]:
    """A request as EC2's query protocol spells it: `IpPermissions.1.FromPort`."""
    if isinstance(value, dict):
        parts = [(f"{prefix}.{name}" if prefix else name, part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{prefix}.{number}", part) for number, part in enumerate(value, 1)]
    else:
        return {prefix: [str(value)]}
    return {name: text for where, part in parts for name, text in _flat(part, where).items()}


def tags(kind: str, props: Properties) -> dict[str, Any]:
    """The tags in a request that creates an EC2 resource of that kind."""
    return {"TagSpecification": [{"ResourceType": kind, "Tag": props.get("Tags", [])}]}


def element(body: bytes, name: str) -> str:
    """The text of that element of an XML answer."""
    found = re.search(rf"<{name}>(.*?)</{name}>", body.decode())
    if not found:
        raise ValueError(f"no {name} in the answer")
    return found[1]
