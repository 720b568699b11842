"""The cache: newer wins, the dead stay dead, groups follow their objects."""

from batchai_operator import names
from batchai_operator.engine.reconcile.cache import job_of
from batchai_operator.engine.reconcile.table import Table


def _obj(uid, version, group="g", name="n"):
    return {
        "metadata": {
            "uid": uid,
            "namespace": "ns",
            "name": name,
            "resourceVersion": str(version),
            "managedFields": [{"manager": "x"}],
        },
        "group": group,
    }


def _table():
    return Table(lambda obj: obj["group"])


def test_an_older_version_changes_nothing():
    table = _table()
    assert table.put(_obj("u", 10))
    assert not table.put(_obj("u", 9, group="other"))
    assert not table.put(_obj("u", 10, group="other"))
    assert table.in_group("other") == ()
    # Numbers, not text: 100 is newer than 99.
    assert table.put(_obj("u", 100))


def test_groups_follow_their_objects():
    table = _table()
    table.put(_obj("u", 1, group="a"))
    table.put(_obj("u", 2, group="b"))
    assert table.in_group("a") == ()
    assert [obj["metadata"]["uid"] for obj in table.in_group("b")] == ["u"]
    table.put(_obj("u", 3, group=None))
    assert table.in_group("b") == ()


def test_a_deleted_object_does_not_come_back_with_a_late_answer():
    table = _table()
    table.put(_obj("u", 1))
    assert table.drop("u")
    assert not table.put(_obj("u", 5))
    assert table.by_uid("u") is None
    assert not table.drop("u")


def test_a_namesake_is_another_object():
    table = _table()
    table.put(_obj("old", 1))
    table.put(_obj("new", 2))
    # The deletion of the first may be told after the birth of the second.
    table.drop("old")
    found = table.by_name(("ns", "n"))
    assert found is not None
    assert found["metadata"]["uid"] == "new"


def test_managed_fields_are_not_kept():
    table = _table()
    table.put(_obj("u", 1))
    kept = table.by_uid("u")
    assert kept is not None
    assert "managedFields" not in kept["metadata"]


def test_only_our_kind_owns_a_pod():
    owner = {"apiVersion": names.API_VERSION, "kind": names.JOB_KIND, "uid": "j"}
    foreign = {"apiVersion": "batch/v1", "kind": "Job", "uid": "x"}

    def job(**metadata):
        return job_of({"metadata": {"namespace": "ns", **metadata}})

    assert job(ownerReferences=[foreign, owner]) == ("ns", "j")
    assert job(ownerReferences=[foreign]) is None
    assert job(labels={names.JOB_UID_LABEL: "j"}) is None
