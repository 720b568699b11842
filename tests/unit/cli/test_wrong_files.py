"""Files with anything in any place: read, or refused in words that name it; never a crash."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchai_operator.cli.documents.clusterfile import ClusterFlags, build_cluster
from batchai_operator.cli.documents.completion import ExtraMounts, StorageAccount
from batchai_operator.cli.documents.jobfile import parse_document
from batchai_operator.cli.documents.submission import build_submission
from batchai_operator.engine.commands.jobs import JobKey
from batchai_operator.errors import InvalidSpecError

from .objects import RECIPE, cluster

JOB = {
    **copy.deepcopy(RECIPE["properties"]),
    "cluster": {"id": "nc6"},
    "environmentVariables": [{"name": "A", "value": "b"}],
    "secrets": [{"name": "TOKEN", "value": "hush"}],
    "inputDirectories": [{"id": "IN", "path": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"}],
    "jobPreparation": {"commandLine": "true"},
    "constraints": {"maxWallClockTime": "PT1H"},
    "kubernetes": {"labels": {"a": "b"}, "tolerations": [{"key": "a", "operator": "Exists"}]},
    "containerSettings": {
        "shmSize": "1g",
        "imageSourceRegistry": {
            "image": "demo.example.test/mine",
            "serverUrl": "demo.example.test",
            "credentials": {"username": "me", "password": "quiet"},
        },
    },
}
JOB["mountVolumes"]["azureFileShares"][0]["credentials"] = {"accountKey": "a2V5"}
JOB["mountVolumes"]["azureFileShares"].append(
    {"azureFileUrl": "https://other.file.core.windows.net/xyz", "relativeMountPath": "x"}
)
CLUSTER = {
    **cluster()["spec"],
    "nodeSetup": {
        "mountVolumes": copy.deepcopy(JOB["mountVolumes"]),
        "setupTask": {
            "commandLine": "true",
            "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/logs",
            "environmentVariables": [{"name": "A", "value": "b"}],
            "secrets": [{"name": "TOKEN", "value": "hush"}],
        },
    },
}
del CLUSTER["workspace"]
WRONG = [None, True, 7, 1.5, "", "x", "https://[x", [], ["x"], [[]], {}, {"id": 1}, {"x": {}}]

Path_ = tuple[str | int, ...]


def places(value: object, path: Path_ = ()) -> Iterator[Path_]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for name, member in inner:
        yield from places(member, (*path, name))


def put(document: object, path: Path_, value: object) -> object:
    changed = copy.deepcopy(document)
    at = changed
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return changed


def read(kind: str, text: str) -> str | None:
    """Do all that `create` does before it connects; return the refusal, if any."""
    account, mounts = StorageAccount("acct", "a2V5"), ExtraMounts(share="sss", container="abc")
    try:
        document = parse_document(text, "file", f"BatchAI{kind}")
        if kind == "Job":
            key = JobKey("team", "w", "e", "j")
            build_submission(document, key, None, account, mounts, suffix="x")
        else:
            build_cluster(
                document, namespace="team", workspace="w", name="nc6", flags=ClusterFlags(),
                account=account, mounts=mounts,
            )  # fmt: skip
    except InvalidSpecError as error:
        return str(error)
    return None


DOCUMENTS = {"Job": JOB, "Cluster": CLUSTER}


@pytest.mark.parametrize(
    ("kind", "other", "command"), [("Job", "Cluster", "cluster"), ("Cluster", "Job", "job")]
)
def test_a_file_given_to_the_wrong_command_is_told_the_right_one(kind, other, command):
    refusal = read(kind, json.dumps({"properties": DOCUMENTS[other]}))
    assert refusal is not None
    assert f"give it to `batchai {command} create`" in refusal


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_documents_themselves_are_right(kind):
    assert read(kind, json.dumps({"properties": DOCUMENTS[kind]})) is None


@pytest.mark.parametrize(
    ("kind", "path"), [(k, p) for k in DOCUMENTS for p in places(DOCUMENTS[k])]
)
def test_a_wrong_value_is_refused_by_the_name_of_its_place(kind, path):
    named = [part for part in path if isinstance(part, str)]
    for value in WRONG:
        wrong = put(DOCUMENTS[kind], path, value)
        refusal = read(kind, json.dumps({"properties": wrong}))
        # An object without one of its members is refused by the name of the member or the object.
        assert refusal is None or any(name in refusal for name in named[-2:]), (value, refusal)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(["<AZURE_BATCHAI_STORAGE_KEY>", "https://[x", "\ud800", "a/b/c/d/e/f"])
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", DOCUMENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_anything_anywhere_is_read_or_refused(kind, data):
    document = {"properties": DOCUMENTS[kind]}
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = put(document, path, data.draw(ANYTHING))
    read(kind, json.dumps(document))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[" * 100_000, "not valid"),
        ("[" * 500 + "]" * 500, "expected an object"),
        ('{"properties": {"nodeCount": ' + "[" * 90 + "]" * 90 + "}}", "properties.nodeCount"),
        ('{"properties": {"nodeCount": ' + "1" * 5000 + "}}", "not valid"),
        ('{"properties": {"nodeCount": NaN}}', "properties.nodeCount is no number"),
        ('{"properties": {"stdOutErrPathPrefix": "\\ud800"}}', "properties.stdOutErrPathPrefix"),
        ("properties: {constraints: 2018-02-31}", "not valid"),
        ("properties: {stdOutErrPathPrefix: 2018-02-01}", "PathPrefix is a date"),
        ("properties: {1: x}", "properties: 1 cannot be the name"),
        ("properties: &a {nodeCount: [*a]}", "properties.nodeCount"),
        ("a\0b", "not valid YAML"),
        ("null", "expected an object"),
        ('{"properties": null}', "`properties` must be an object"),
    ],
)  # fmt: skip
def test_texts_that_no_object_can_hold(text, complaint):
    if text.startswith("[[[") and len(text) == 1000:
        complaint = "nested more than 60 levels"
    assert complaint in (read("Job", text) or "")


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        ("cluster", "nc6", "cluster: must be an object, in braces."),
        ("mountVolumes", [], "mountVolumes: must be an object, in braces."),
        ("secrets", {"name": "x"}, "secrets: must be a list, in brackets."),
        ("cluster", {"id": 6}, "cluster.id: must be a text, in quotes."),
    ],
)
def test_the_command_says_so_and_ends_with_1(batchai, write, member, value, complaint):
    path: str | Path = write({"properties": {**JOB, member: value}})
    done = batchai(f"job create -n x -f {path} --storage-account-name a --dry-run")
    assert (done.exit_code, complaint in done.stderr) == (1, True), done.stderr
    assert "hush" not in done.output
