"""The processes do not load what they do not use; each in an interpreter of its own."""

import asyncio
import datetime as dt
import ssl
import subprocess
import sys

import click
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from batchai_operator.cli.late import LateGroup
from batchai_operator.cli.main import GROUPS, cli

NO_CLUSTER = {"KUBECONFIG": "/nonexistent", "PATH": "/usr/bin:/bin"}

SHOW = """
import sys
sys.argv[1:] = {words!r}
try:
    {start}
except SystemExit:
    pass
sys.stderr.write("LOADED " + " ".join(name for name, module in sys.modules.items() if module))
"""

MODELS = (
    "pydantic",
    "pydantic_settings",
    "batchai_operator.model",
    "batchai_operator.planner.jobs.job",
)
CLIENT = ("aiohttp", "kubernetes")
COPYING = ("batchai_operator.engine.transfers", "batchai_operator.cli.files.storage")
NEVER = ("requests", "kubernetes.client", "kubernetes.aio.dynamic", "kubernetes.aio.client.models",
         "kubernetes.aio.client.api_client", "dateutil", "kopf", "azure")  # fmt: skip
SELDOM = ("yaml", "jmespath")


def loaded(words: str, start: str = "from batchai_operator.cli.main import main; main()"):
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(words=words.split(), start=start)],
        capture_output=True, check=True, text=True, env=NO_CLUSTER,
        cwd=next(path for path in sys.path if path.endswith("operator")),
    )  # fmt: skip
    return set(done.stderr.rpartition("LOADED ")[2].split())


def among(names, packages):
    return {
        name for name in names for each in packages if name == each or name.startswith(f"{each}.")
    }


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (
            "--help",
            (*CLIENT, *MODELS, *COPYING, *SELDOM, "asyncio", "ssl", "logging"),
        ),
        ("job --help", (*CLIENT, *MODELS, *COPYING, *SELDOM)),
        ("job file stream --help", (*CLIENT, *MODELS, *COPYING, *SELDOM)),
        # These find no kubeconfig, after everything was loaded that connecting takes.
        ("job file stream -j j -f stdout.txt", (*MODELS, *COPYING, "jmespath")),
        ("job file list -j j", (*MODELS, *COPYING, "jmespath")),
        ("job list", (*MODELS, *COPYING, "jmespath")),
        ("job show -n j", (*MODELS, *COPYING, "jmespath")),
        ("job wait -n j", (*MODELS, *COPYING, "jmespath")),
    ],
)
def test_commands_load_no_more_than_they_need(words, spared):
    names = loaded(words)
    assert "batchai_operator.cli.main" in names
    assert not among(names, (*spared, *NEVER))
    if "--help" not in words:
        assert "aiohttp" in names


def test_the_operator_loads_the_asynchronous_client_only():
    names = loaded("", "import batchai_operator.main")
    assert {"kopf", "kubernetes.aio.client.rest"} <= names
    assert not among(names, set(NEVER) - {"kopf"})


def late_commands(group, path="batchai"):
    context = click.Context(group, info_name=path)
    told = dict(group.late) if isinstance(group, LateGroup) else {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from late_commands(command, f"{path} {name}")
        if name in told:
            yield f"{path} {name}", told[name], command


def test_late_commands_are_listed_with_their_own_words():
    fresh = LateGroup("batchai", late=GROUPS)
    found = list(late_commands(fresh))
    assert len(found) > 5
    for path, late, command in found:
        whole = click.Command("x", help=command.help).get_short_help_str(200)
        assert click.Command("x", help=late.help).get_short_help_str(200) == whole, path


def test_late_commands_get_the_options_of_all():
    group = cli.get_command(click.Context(cli), "storage")
    assert all("--debug" in {option for each in command.params for option in each.opts}
               for command in group.commands.values())  # fmt: skip


ASK = """
import asyncio, sys
from batchai_operator import lean
lean.read_certificates_late()
import aiohttp

async def ask():
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1]) as answer:
        return await answer.text()

print(asyncio.run(ask()))
"""


def certificate(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


async def test_certificates_that_are_read_late_are_the_systems(tmp_path):
    async def hello(_):
        return web.Response(text="hello")

    ours, other = certificate(tmp_path, "ours"), certificate(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours)
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]

    async def ask(trusted):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ASK, f"https://localhost:{port}/",
            env={**NO_CLUSTER, "SSL_CERT_FILE": str(trusted), "SSL_CERT_DIR": str(tmp_path / "no"),
                 "PYTHONPATH": ":".join(sys.path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, problems = await process.communicate()
        return out.decode().strip(), problems.decode()

    try:
        assert (await ask(ours))[0] == "hello"
        said, problems = await ask(other)
        assert not said
        assert "CERTIFICATE_VERIFY_FAILED" in problems
    finally:
        await runner.cleanup()
