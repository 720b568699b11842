"""`--query`, and the options that every command of az had."""

import logging

import click
import pytest

from batchai_operator.cli.main import cli
from batchai_operator.cli.querying import Query, render_queried

from .objects import cluster, job

FOUND = [
    {"name": "a", "nodes": 2, "done": True, "exitCode": None, "errors": [{"code": 1}]},
    {"name": "b", "nodes": 1, "done": False, "exitCode": 3, "errors": []},
]


@pytest.mark.parametrize(
    ("query", "form", "text"),
    [
        ("[0].name", "tsv", "a"),
        ("[0].name", "json", '"a"'),
        ("[0].exitCode", "tsv", ""),
        ("[].name", "tsv", "a\nb"),
        ("[].[name, nodes, done, exitCode]", "tsv", "a\t2\ttrue\tNone\nb\t1\tfalse\t3"),
        ("[?done].{z: name, a: nodes}", "tsv", "2\ta"),
        ("[].errors[]", "tsv", "1"),
        ("[0]", "tsv", "true\t1\tNone\ta\t2"),
        ("length(@)", "tsv", "2"),
        ("[].{name: name, nodes: nodes}", "table", "Name  Nodes\n----  -----\na     2\nb     1"),
        ("[].[name, nodes]", "table", "Column1  Column2\n-------  -------\na        2\nb        1"),
        ("[].name", "table", "Result\n------\na\nb"),
        ("[0].nodes", "yaml", "2\n..."),
        ("nothing", "json", ""),
    ],
)
def test_what_a_query_prints(query, form, text):
    assert render_queried(Query(query).search(FOUND), form) == text


def test_commands_take_queries(kube, batchai):
    kube.add("batchaijobs", job("hello", "succeeded"))
    kube.add("batchaiclusters", cluster())
    assert batchai("job show -n hello --query executionState -o tsv").stdout == "succeeded\n"
    assert batchai("job list --query [].name -o tsv").stdout == "hello\n"
    assert batchai("cluster show -n nc6 --query vmSize -o tsv").stdout == "STANDARD_NC6\n"


@pytest.mark.parametrize("query", ["[", "length(name)"])
def test_a_query_that_is_none_is_wrong_usage(kube, batchai, query):
    kube.add("batchaiclusters", cluster())
    done = batchai(f"cluster list --query {query}")
    assert (done.exit_code, "--query" in done.stderr) == (2, True), done.output


def commands(command, words=()):
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*words, name))


@pytest.mark.parametrize(("words", "command"), list(commands(cli)))
def test_every_command_takes_the_options_of_all(words, command):
    known = {option for parameter in command.params for option in parameter.opts}
    assert {"--subscription", "--debug", "--verbose"} <= known


def test_the_options_of_all_do_what_they_say(kube, batchai, monkeypatch):
    root, client = logging.getLogger(), logging.getLogger("kubernetes")
    monkeypatch.setattr(root, "level", logging.WARNING)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(client, "level", logging.NOTSET)
    kube.add("batchaijobs", job("hello", "succeeded"))
    done = batchai("job list --subscription mine --verbose -o tsv")
    assert (done.exit_code, done.stdout.split("\t")[0]) == (0, "hello")
    assert "--subscription has no meaning here" in done.stderr
    assert root.level == logging.INFO
    batchai("job list --debug")
    assert root.level == logging.DEBUG
    # Bodies of requests would show Secrets.
    assert not client.isEnabledFor(logging.DEBUG)
