"""What botocore makes of its models, or of a text, alone is made once in a test process, not for each session
and client.

Settings, credentials, handlers, retries and connections stay each session's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore import hooks, regions, session, useragent, utils
from botocore.client import ClientCreator
from botocore.httpsession import URLLib3Session


def share(patch: pytest.MonkeyPatch) -> None:
    for owner, name, key in (
        (session, "create_loader", lambda paths=None: paths),
        (ClientCreator, "_load_service_model", lambda _, service, version=None, **__: (service, version)),
        (ClientCreator, "_create_client_class", lambda _, service, *__: service),
        (regions, "EndpointProvider", lambda ruleset_data, **_: id(ruleset_data)),
        (hooks.EventAliaser, "_alias_event_name", lambda _, event: event),
        (hooks, "accepts_kwargs", lambda function: getattr(function, "__code__", function)),
        (
            useragent,
            "sanitize_user_agent_string_component",
            lambda raw_str, allow_hash: (raw_str, allow_hash),
        ),
        (utils, "_parse_timestamp_with_tzinfo", lambda value, tzinfo: (value, tzinfo)),
        (URLLib3Session, "_get_ssl_context", lambda own: (str(own._verify), own._cert_file)),
    ):
        patch.setattr(owner, name, _once(getattr(owner, name), key))


def _once(make: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[Any, Any] = {}

    def known(*arguments: Any, **named: Any) -> Any:
        wanted = key(*arguments, **named)
        if wanted not in made:
            made[wanted] = make(*arguments, **named)
        return made[wanted]

    return known
