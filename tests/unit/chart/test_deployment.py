"""The Deployment: hardened, and every value reaches the operator's settings."""

import json
from typing import Any

import pytest
import yaml

from batchai_operator.settings import Settings

from .conftest import CHART

NAME = "bai-batchai-operator"
LAPTOP = CHART / "values-laptop.yaml"


def pod_of(objects) -> dict[str, Any]:
    spec: dict[str, Any] = objects["Deployment", NAME]["spec"]["template"]["spec"]
    return spec


def environment(objects) -> dict[str, str]:
    variables = pod_of(objects)["containers"][0]["env"]
    return {variable["name"]: variable.get("value", "from elsewhere") for variable in variables}


def test_the_pod_is_content_with_pod_security_restricted(render):
    pod = pod_of(render())
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {volume["name"]: "emptyDir" in volume for volume in pod["volumes"]} == {"tmp": True}


def test_probes_ask_the_operator_itself(render):
    container = pod_of(render())["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        asked = container[probe]["httpGet"]
        assert (asked["path"], ports[asked["port"]]) == (path, 8080)


def test_every_variable_is_a_setting_and_is_understood(render, monkeypatch):
    variables = environment(
        render(
            "nodeImages.a:b:c=local/old",
            "scope=namespace",
            "watchNamespace=team",
            "resyncSeconds=1000000",
            files=(LAPTOP,),
        )
    )
    prefix = "BATCHAI_OPERATOR_"
    fields = {name.removeprefix(prefix).lower() for name in variables}
    assert fields <= set(Settings.model_fields)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.namespace == "team"
    assert settings.resync_seconds == 1_000_000
    assert settings.node_images == {"a:b:c": "local/old", "default": "localhost/batchai/node:0.1.0"}
    assert settings.vm_sizes["STANDARD_NC6"].gpus == 1
    assert settings.lease_namespace == "system"


def test_a_size_may_be_told_in_numbers_or_words_as_the_schema_allows(render, monkeypatch, tmp_path):
    """Numbers of a file reach Helm as floats, those of `--set` as integers."""
    sizes = {
        "STANDARD_A": {"cpu": 6, "memory": 60129542144, "gpus": 1},
        "STANDARD_B": {"cpu": 0.5, "memory": "56Gi", "gpus": 0},
        "STANDARD_C": {"cpu": "500m", "memory": "1.5Gi", "gpus": 64},
    }
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"vmSizes": sizes}))
    objects = render(
        "vmSizes.STANDARD_D.cpu=6,vmSizes.STANDARD_D.memory=1Gi",
        "vmSizes.STANDARD_D.gpus=0",
        files=(values,),
    )
    for name, value in environment(objects).items():
        monkeypatch.setenv(name, value)
    found = Settings().vm_sizes
    assert (float(found["STANDARD_A"].cpu), float(found["STANDARD_A"].memory)) == (6, 60129542144)
    assert (found["STANDARD_B"].cpu, found["STANDARD_B"].memory) == ("0.5", "56Gi")
    assert (found["STANDARD_C"].cpu, found["STANDARD_C"].gpus) == ("500m", 64)
    assert float(found["STANDARD_D"].cpu) == 6


def test_what_the_chart_does_not_set_is_on_purpose(render):
    fields = {name.removeprefix("BATCHAI_OPERATOR_").lower() for name in environment(render())}
    # A Pod finds the API server by itself.
    assert set(Settings.model_fields) - fields == {"kubeconfig", "context"}


def test_images_may_be_named_in_one_piece(render):
    objects = render("image=r/o@sha256:00", "launcher.image=r/l:1", "nodeImages.default=r/n:1")
    assert pod_of(objects)["containers"][0]["image"] == "r/o@sha256:00"
    variables = environment(objects)
    assert variables["BATCHAI_OPERATOR_LAUNCHER_IMAGE"] == "r/l:1"
    assert json.loads(variables["BATCHAI_OPERATOR_NODE_IMAGES"]) == {"default": "r/n:1"}


@pytest.mark.parametrize(
    ("replicas", "budgets", "strategy"), [(1, 0, "Recreate"), (2, 1, "RollingUpdate")]
)
def test_several_replicas_get_a_budget(render, replicas, budgets, strategy):
    objects = render(f"replicas={replicas}")
    assert len([key for key in objects if key[0] == "PodDisruptionBudget"]) == budgets
    assert objects["Deployment", NAME]["spec"]["strategy"]["type"] == strategy


def test_the_network_policy_is_opt_in(render):
    assert ("NetworkPolicy", NAME) not in render()
    policy = render("networkPolicy.enabled=true")["NetworkPolicy", NAME]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_crds_stay_when_the_release_goes(render):
    crds = {name: thing for (kind, name), thing in render().items() if kind.startswith("CustomRes")}
    assert set(crds) == {
        "batchaijobs.batchai.dev",
        "batchaiclusters.batchai.dev",
        "batchaifileservers.batchai.dev",
    }
    for crd in crds.values():
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    without = render("crds.install=false")
    assert not [key for key in without if key[0] == "CustomResourceDefinition"]


def test_the_laptop_profile_shrinks_every_size_but_not_its_gpus():
    sizes = yaml.safe_load(LAPTOP.read_text())["vmSizes"]
    assert {(size["cpu"], size["memory"]) for size in sizes.values()} == {("250m", "1Gi")}
    assert (sizes["STANDARD_NC6"]["gpus"], sizes["STANDARD_NC24R"]["gpus"]) == (1, 4)
