"""exec: bytes untouched, streams apart, the exit code, and a connection that breaks."""

import json

import pytest

from batchai_operator.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)

SUCCESS = {"status": "Success"}


def _failure(code):
    return {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _script(*frames):
    async def play(socket):
        for channel, data in frames:
            await socket.send_bytes(bytes([channel]) + data)
        await socket.close()

    return play


async def _run(client, command=("cmd",)):
    async with client.exec("ns", "pod", "c", command) as run:
        out = b"".join([piece async for piece in run])
    return out, run


async def test_bytes_pass_untouched_and_streams_stay_apart(server, client):
    server.socket = _script(
        (1, b""),
        (1, b"a\x00\xff\n"),
        (2, b"oops\n"),
        (1, b"\xf0"),
        (3, json.dumps(SUCCESS).encode()),
    )
    out, run = await _run(client, ("/launcher", "files", "a b", "$x&y"))
    assert (out, run.stderr, run.exit_code) == (b"a\x00\xff\n\xf0", "oops\n", 0)
    words = [value for key, value in server.asked[0].query if key == "command"]
    assert words == ["/launcher", "files", "a b", "$x&y"]
    assert server.asked[0].headers["Authorization"] == "Bearer secret"


async def test_the_exit_code_is_told(server, client):
    server.socket = _script((3, json.dumps(_failure(3)).encode()))
    _, run = await _run(client)
    assert run.exit_code == 3


async def test_a_command_that_does_not_start_is_no_exit_code(server, client):
    server.socket = _script((3, b'{"status":"Failure","message":"no such file"}'))
    with pytest.raises(ConflictError, match="no such file"):
        await _run(client)


async def test_a_broken_connection_is_not_an_end_of_file(server, client):
    server.socket = _script((1, b"half"))
    got = []

    async def read():
        async with client.exec("ns", "pod", "c", ["x"]) as run:
            async for piece in run:
                got.append(piece)  # noqa: PERF401 (what came before the break is the point)

    with pytest.raises(UnavailableError):
        await read()
    assert got == [b"half"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ConflictError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (500, ConflictError),
        (503, UnavailableError),
    ],
)
async def test_a_refused_handshake_is_our_error(server, client, status, error):
    server.answer({}, status)
    with pytest.raises(error):
        await _run(client)
