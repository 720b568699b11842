"""Names: valid, short enough, stable, and different for different jobs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchai_operator.planner import naming
from support.planning import a_job

DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
NAMES = st.from_regex(r"[-A-Za-z0-9_]{1,64}", fullmatch=True)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("default", "default", "mnist"), "mnist"),
        (("default", "default", "m-1"), "m-1"),
        (("default", "default", "M"), "m-"),
        (("default", "default", "distributed_tensorflow"), "distributed-tensorflow-"),
        (("default", "default", "a-deadbeef"), "a-deadbeef-"),
        (("default", "default", "__"), "job-"),
        (("default", "default", "9lives"), "job-9lives-"),
        (("9w", "e", "j"), "job-9w-e-j-"),
        (("default", "default", "a" * 53), "a" * 43 + "-"),
        (("recipe_workspace", "e", "j"), "recipe-workspace-e-j-"),
    ],
)
def test_object_names(parts, expected):
    name = naming.object_name(*parts)
    if expected.endswith("-"):
        assert re.fullmatch(re.escape(expected) + r"[0-9a-f]{8}", name)
    else:
        assert name == expected


def test_parts_are_told_apart():
    names = {
        naming.object_name(*parts)
        for parts in [
            ("a-b", "c", "d"),
            ("a", "b-c", "d"),
            ("a", "b", "c-d"),
            ("A", "b", "c-d"),
            ("a", "b", "c_d"),
            ("default", "default", "a-b-c-d"),
        ]
    }
    assert len(names) == 6


@given(NAMES, NAMES, NAMES)
def test_object_names_are_labels(workspace, experiment, name):
    made = naming.object_name(workspace, experiment, name)
    assert DNS_1035.fullmatch(made)
    assert len(made) <= naming.MAX_OBJECT_NAME
    assert made == naming.object_name(workspace, experiment, name)


@pytest.mark.parametrize("name", ["j", "9lives", "a.b.c", "x" * 253, "a" * 47 + "-b"])
def test_names_of_children_are_valid(name):
    job = a_job(name)
    for made in (
        naming.pod_name(job, 999, 255),
        naming.key_secret_name(job),
        naming.service_name(job, 999),
    ):
        assert DNS_1035.fullmatch(made), made


def test_a_namesake_gets_other_children():
    job, other = a_job("j"), a_job("j")
    other["metadata"]["uid"] = "99999999-0000-4000-8000-000000000000"
    assert naming.pod_name(job, 1, 0) != naming.pod_name(other, 1, 0)
    assert naming.pod_name(job, 1, 0) != naming.pod_name(job, 2, 0)


def test_node_ids_look_like_the_services():
    job = a_job("j")
    ids = [naming.node_id(job, 1, index) for index in range(3)]
    assert all(re.fullmatch(r"tvm-\d{10}_\d-20261124t035900z", id_) for id_ in ids)
    assert len(set(ids)) == 3
    assert ids[0] == naming.node_id(job, 1, 0) != naming.node_id(job, 2, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("recipe_workspace", "recipe_workspace"), ("-x-", "x"), ("___", ""), ("a" * 64, "a" * 63)],
)
def test_label_values(text, expected):
    assert naming.label_value(text) == expected


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"id": "nc6"}, "nc6"),
        ({"id": "/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/clusters/nc6"}, "nc6"),
        ({"id": ""}, None),
        ({}, None),
        (None, None),
    ],
)
def test_cluster_names(cluster, expected):
    assert naming.cluster_name({"spec": {"cluster": cluster}}) == expected
