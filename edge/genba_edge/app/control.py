"""The gateway's own door for commands on the same machine: a socket in the state folder that only its owner can open.

One connection is one command: a line of JSON each way. The rights of a file are all the protection that it needs: there
is no port, no password, nothing that a browser could be made to send.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from genba_shared.errors import GenbaError, UsageError

logger = logging.getLogger(__name__)

FILE_NAME: Final = "control.sock"
ANSWER_S: Final = 30.0  # a reload waits for drivers to close their connections
_LONGEST: Final = 64 * 1024  # bytes of a command
_OWNER_ONLY: Final = 0o177

Answer = dict[str, Any]
Handler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class NoAnswer(GenbaError):
    """The gateway on this state folder does not answer."""


class NoGateway(NoAnswer):
    """No gateway is running on this state folder."""


class NotAllowed(NoAnswer):
    """A gateway may be running on this state folder, and this user may not ask it."""


@contextlib.asynccontextmanager
async def control_socket(state_dir: Path, handlers: Mapping[str, Handler]) -> AsyncIterator[None]:
    """Answer commands for the time of the block; `handlers` by the command's name.

    The folder is this gateway's alone (its outbox is locked), so a socket that a kill left behind is taken away.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            answer = await _answer(reader, handlers)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    listener = _bind(state_dir)
    server = await asyncio.start_unix_server(serve, sock=listener, limit=_LONGEST)
    try:
        yield
    finally:
        server.close()
        (state_dir / FILE_NAME).unlink(missing_ok=True)


async def _answer(reader: asyncio.StreamReader, handlers: Mapping[str, Handler]) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_S):
            asked = json.loads(await reader.readline())
        handler = handlers[asked["do"]]
    except (ValueError, KeyError, TypeError, TimeoutError):
        return {"error": f"not a command: one of {', '.join(handlers)}, as JSON in one line"}
    (answer,) = await asyncio.gather(handler(asked), return_exceptions=True)
    match answer:
        case GenbaError():
            return {"error": str(answer)}
        case BaseException():
            logger.error("command failed command=%s", asked["do"], exc_info=answer)
            return {"error": f"fault in the gateway ({type(answer).__name__}), see its log"}
    return answer


def _bind(state_dir: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    (state_dir / FILE_NAME).unlink(missing_ok=True)
    before = os.umask(_OWNER_ONLY)
    try:
        with _short_path(state_dir) as path:
            listener.bind(path)
    except OSError as exc:
        listener.close()
        raise UsageError(f"{state_dir / FILE_NAME} cannot be made: {exc.strerror}") from exc
    finally:
        os.umask(before)
    return listener


def ask(state_dir: Path, command: Mapping[str, Any], *, timeout_s: float = ANSWER_S) -> Answer:
    """Send a command to the gateway that runs on this state folder.

    Raises:
        NoGateway: none is running there.
        NotAllowed: the folder or the socket in it is another user's.
        NoAnswer: it does not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with _short_path(state_dir) as path:
                connection.connect(path)
            connection.sendall(json.dumps(command).encode() + b"\n")
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline())
        except TimeoutError as exc:
            raise NoAnswer(f"the gateway on {state_dir} does not answer within {timeout_s:g} s") from exc
        except PermissionError as exc:
            raise NotAllowed(
                f"the gateway on {state_dir} may be asked by its own user only: run this command as that user"
            ) from exc
        except (OSError, ValueError) as exc:
            raise NoGateway(f"no gateway runs on the state folder {state_dir}") from exc
    return dict(answer)


@contextlib.contextmanager
def _short_path(state_dir: Path) -> Iterator[str]:
    """A name of the socket that fits into the 108 bytes that unix(7) allows, however deep the folder is."""
    folder = os.open(state_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{FILE_NAME}"
    finally:
        os.close(folder)
