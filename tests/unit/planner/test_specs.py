"""Specs are read once per version, and what is remembered never answers for something else."""

import pytest
from pydantic import ValidationError

from batchai_operator.planner import specs


def _cluster(uid, nodes):
    scale = {"manual": {"targetNodeCount": nodes}}
    return {"metadata": {"uid": uid}, "spec": {"vmSize": "STANDARD_D2", "scaleSettings": scale}}


def test_an_equal_version_is_not_read_again_and_a_changed_one_is():
    first = specs.cluster_spec(_cluster("a", 1))
    assert specs.cluster_spec(_cluster("a", 1)) is first
    assert specs.cluster_spec(_cluster("a", 2)).node_limit == 2
    assert specs.cluster_spec(_cluster("a", 1)).node_limit == 1


def test_objects_without_uid_and_many_objects_are_told_apart():
    for number in range(200):
        assert specs.cluster_spec(_cluster(f"many-{number}", number)).node_limit == number
        assert specs.cluster_spec({**_cluster("", number), "metadata": {}}).node_limit == number
    assert len(specs._CLUSTERS._read) <= specs._REMEMBERED


def test_nonsense_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(ValidationError):
            specs.cluster_spec({"metadata": {"uid": "bad"}, "spec": {"vmSize": []}})
