"""The endpoint's own process: `python -m fraud_cfn.local.server PORT PACE [DIRECTORY]`.

Prints its URL once it answers, and ends when its standard input does. With a directory it judges requests
by IAM's policies, and answers over TLS with a certificate that it makes there and prints after the URL.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import threading
from typing import Any

from fraud_cfn.config import LOCAL_HEADER, REGION

# Before ministack is imported: it reads its settings then.
_SETTINGS = {
    "MINISTACK_REGION": REGION,
    "BIND_HOST": "127.0.0.1",
    "MINISTACK_HOST": "127.0.0.1",
    "LOG_LEVEL": "ERROR",
    "AUTH": "false",
    "USE_SSL": "0",
    "PERSIST_STATE": "0",
    "S3_PERSIST": "0",
    # No listener besides ours, and no container on the user's machine.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
}


# A request is then judged by the keys and policies that IAM has; the account's own key is this one.
_IAM = {"AUTH": "true", "USE_SSL": "1", "AWS_SECRET_ACCESS_KEY": "local"}


def main(port: int, pace: float, directory: str = "") -> None:
    listener = _listen(port)
    port = listener.getsockname()[1]
    os.environ.update(_SETTINGS, GATEWAY_PORT=str(port))
    if directory:
        os.environ.update(_IAM, TMPDIR=directory)
    threading.Thread(target=_end_with_input, args=(directory,), daemon=True).start()

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from fraud_cfn.local import change_sets, handlers, operations, running, services

    running.register()
    services.register()
    handlers.register()
    operations.register(pace)
    change_sets.register()

    config = Config()
    address = f"http://127.0.0.1:{port}"
    if directory:
        config.certfile, config.keyfile = _certificate()
        address = f"https://127.0.0.1:{port} {config.certfile}"

    async def ready() -> None:
        print(address, flush=True)
        await asyncio.Event().wait()  # for ever: the end is _end_with_input

    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    try:
        asyncio.run(serve(_saying_that_it_is_local(app), config, shutdown_trigger=ready))
    except OSError as error:  # of its certificate, too
        where = tempfile.gettempdir()
        print(
            f"The local endpoint cannot serve ({error}): is there room in {where}?",
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)  # ministack's threads would hold it


def _saying_that_it_is_local(app: Any) -> Any:
    """That application; each answer has a header by which the command knows where it is."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def send_on(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event.get("headers", ()), (LOCAL_HEADER.encode(), b"local")]
            await send(event)

        await app(scope, receive, send_on)

    return answer


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a port"
        print(
            f"Port {port} of 127.0.0.1 cannot be used ({reason.lower()}): name another one", file=sys.stderr
        )
        sys.exit(2)
    listener.listen()
    return listener


def _certificate() -> tuple[str, str]:
    from ministack.core import tls

    try:
        return tls.resolve_tls_material()
    except FileNotFoundError:
        print("--iam needs the program openssl, for a certificate: install it", file=sys.stderr)
        sys.exit(2)


def _end_with_input(directory: str) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    if directory:
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)  # nothing to save


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
