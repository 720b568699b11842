"""The operator's rights are the least it works with, and both scopes give the same."""

from typing import Any

NAME = "bai-batchai-operator"
VOLUMES = {("", "persistentvolumes", verb) for verb in ("get", "list", "create", "delete")} | {
    ("", "persistentvolumeclaims", "delete")
}
"""What PersistentVolumes that jobs share take; cluster-wide, or not at all."""


def rights(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_operator_can_do_this_and_nothing_else(render):
    granted = rights(render()["ClusterRole", NAME]["rules"])
    ours = {
        ("batchai.dev", plural, verb)
        for plural in ("batchaijobs", "batchaiclusters", "batchaifileservers")
        for verb in ("list", "watch")
    }
    status = {
        ("batchai.dev", f"{plural}/status", "update")
        for plural in ("batchaijobs", "batchaiclusters", "batchaifileservers")
    }
    pods = {("", "pods", verb) for verb in ("get", "list", "watch", "create", "delete")}
    events = {("", "events", verb) for verb in ("create", "patch", "get", "list", "watch")}
    once = {("", kind, verb) for kind in ("services", "secrets") for verb in ("get", "create")}
    rest = {("", "namespaces", "get"), ("", "nodes", "list")}
    servers = {("apps", "deployments", verb) for verb in ("list", "watch", "create", "patch")}
    servers |= {("", "persistentvolumeclaims", verb) for verb in ("get", "create")}
    assert granted == ours | status | pods | events | once | rest | servers | VOLUMES


def test_without_static_volumes_there_is_no_right_to_them(render):
    granted = rights(render("staticVolumes=false")["ClusterRole", NAME]["rules"])
    assert granted == rights(render()["ClusterRole", NAME]["rules"]) - VOLUMES


def test_one_namespace_needs_no_cluster_rights(render):
    everywhere = rights(render()["ClusterRole", NAME]["rules"])
    objects = render("scope=namespace", "watchNamespace=team")
    assert not [key for key in objects if key[0].startswith("Cluster")]
    role = objects["Role", NAME]
    assert role["metadata"]["namespace"] == "team"
    assert objects["RoleBinding", NAME]["metadata"]["namespace"] == "team"
    assert objects["RoleBinding", NAME]["subjects"][0]["namespace"] == "system"
    assert rights(role["rules"]) == everywhere - {("", "nodes", "list")} - VOLUMES


def test_the_lease_lies_beside_the_operator_and_is_the_only_one(render):
    for values in ((), ("scope=namespace", "watchNamespace=team")):
        role = render(*values)["Role", f"{NAME}-lease"]
        assert role["metadata"]["namespace"] == "system"
        named = [rule for rule in role["rules"] if "create" not in rule["verbs"]]
        assert [rule["resourceNames"] for rule in named] == [[NAME]]


def test_roles_for_people_aggregate(render):
    objects = render()
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    view, edit = objects["ClusterRole", f"{NAME}-view"], objects["ClusterRole", f"{NAME}-edit"]
    assert {key for key in view["metadata"]["labels"] if key.startswith(prefix)} == {
        prefix + role for role in ("view", "edit", "admin")
    }
    assert {key for key in edit["metadata"]["labels"] if key.startswith(prefix)} == {
        prefix + role for role in ("edit", "admin")
    }
    # Reading files runs a program in a Pod, which is more than looking.
    assert {verb for _, _, verb in rights(view["rules"])} == {"get", "list", "watch"}
    assert ("", "pods/exec", "create") in rights(edit["rules"])
    # `job create` makes Secrets, and takes them back when the API server refuses the job.
    verbs = {verb for _, resource, verb in rights(edit["rules"]) if resource == "secrets"}
    assert verbs == {"get", "create", "patch", "delete"}
    assert not [right for right in rights(edit["rules"]) if right[1].endswith("/status")]


def test_roles_can_be_left_to_somebody_else(render):
    kinds = {kind for kind, _ in render("rbac.create=false", "rbac.userRoles=false")}
    assert not kinds & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
