"""Making share and container with Azure's own SDK, against a server that answers like an account.

The server checks nothing; that a signature is right is tried against the stand-in, on the cluster.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from batchai_operator.errors import StorageError
from batchai_operator.settings import AutoStorageSettings, Settings
from batchai_operator.storage.given import GivenAccount

KEY = "c2VjcmV0LWtleQ=="


class Account:
    """Answers requests; `refuse` says how, by method and path, or None for what is usual."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.refuse = lambda *_: None

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        refusal = self.refuse(request.method, request.path)
        if refusal is not None:
            status, code, more = refusal
            return web.Response(status=status, headers={"x-ms-error-code": code, **more})
        head = {"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 23:00:00 GMT"}
        if request.method == "PUT":
            self.there.add(request.path)
            return web.Response(status=201, headers=head)
        if request.path in self.there:
            return web.Response(headers=head)
        return web.Response(status=404, headers={"x-ms-error-code": "ResourceNotFound"})


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    made = Account()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "azurestorageaccountname").write_text("batchaidev\n")
    (tmp_path / "azurestorageaccountkey").write_text(KEY)
    return tmp_path


def given(folder, port):
    auto = AutoStorageSettings(
        backend="account",
        folder=str(folder),
        secret="box",
        file_endpoint=f"http://127.0.0.1:{port}",
    )
    return GivenAccount(
        Settings(auto_storage=auto, blob_endpoint=f"http://127.0.0.1:{port}/{{account}}")
    )


async def reason_of(folder, port):
    with pytest.raises(StorageError) as caught:
        await given(folder, port).ensure("batchaishare", "batchaicontainer")
    assert KEY not in str(caught.value)
    return caught.value


async def test_both_are_made_once(account, folder):
    ours = given(folder, account.port)
    assert ours.credentials() == ("batchaidev", KEY)
    await ours.ensure("batchaishare", "batchaicontainer")
    assert account.there == {"/batchaishare", "/batchaidev/batchaicontainer"}
    account.asked.clear()
    await ours.ensure("batchaishare", "batchaicontainer")
    assert [method for method, _ in account.asked] == ["GET", "GET"]


async def test_somebody_else_may_be_faster_but_what_is_being_deleted_is_not_there(account, folder):
    account.refuse = lambda method, path: (
        (409, "ShareAlreadyExists", {}) if method == "PUT" and "share" in path else None
    )
    await given(folder, account.port).ensure("batchaishare", "batchaicontainer")
    account.refuse = lambda method, _: (409, "ShareBeingDeleted", {}) if method == "PUT" else None
    found = await reason_of(folder, account.port)
    assert found.reason == "StorageRefused"
    assert "ShareBeingDeleted" in str(found)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "AuthenticationFailed", "StorageKeyRefused"),
        (403, "AuthorizationFailure", "StorageForbidden"),
        (403, "KeyBasedAuthenticationNotPermitted", "StorageForbidden"),
        (400, "InvalidResourceName", "StorageRefused"),
    ],
)
async def test_what_the_account_says_is_told(account, folder, status, code, reason):
    account.refuse = lambda *_: (status, code, {})
    found = await reason_of(folder, account.port)
    assert found.reason == reason
    assert code in str(found)


async def test_a_busy_account_names_the_time(account, folder):
    account.refuse = lambda *_: (503, "ServerBusy", {"Retry-After": "17"})
    found = await reason_of(folder, account.port)
    assert (found.reason, found.retry_after) == ("StorageThrottled", 17)


async def test_nobody_answers(account, folder, unused_tcp_port):
    found = await reason_of(folder, unused_tcp_port)
    assert found.reason == "StorageUnreachable"
    assert "account's name" in str(found)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("azurestorageaccountkey", None, "StorageSecretMissing"),
        ("azurestorageaccountname", "", "StorageSecretMissing"),
        ("azurestorageaccountkey", "\udcff", "StorageSecretInvalid"),
        ("azurestorageaccountkey", "not base64!", "StorageKeyInvalid"),
    ],
)
async def test_a_secret_that_is_no_use(account, folder, file, content, reason):
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content, errors="surrogateescape")
    assert (await reason_of(folder, account.port)).reason == reason


async def test_the_sdk_is_loaded_by_those_who_need_it_only():
    code = "import sys, batchai_operator.wiring.process; print('azure' in sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.strip() == b"False"
