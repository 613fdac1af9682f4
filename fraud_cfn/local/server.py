"""The endpoint's own process: `python -m fraud_cfn.local.server PORT PACE`.

Prints its URL once it answers, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading

from fraud_cfn.config import REGION

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


def main(port: int, pace: float) -> None:
    listener = _listen(port)
    port = listener.getsockname()[1]
    os.environ.update(_SETTINGS, GATEWAY_PORT=str(port))
    threading.Thread(target=_end_with_input, daemon=True).start()

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from fraud_cfn.local import change_sets, handlers, operations, services

    services.register()
    handlers.register()
    operations.register(pace)
    change_sets.register()

    async def ready() -> None:
        print(f"http://127.0.0.1:{port}", flush=True)
        await asyncio.Event().wait()  # for ever: the end is _end_with_input

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    asyncio.run(serve(app, config, shutdown_trigger=ready))


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


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)  # nothing to save


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
