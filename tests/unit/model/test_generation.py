"""What is generated from the models: whole, bounded, small enough, and up to date."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ConfigDict

from batchai_operator.model.base import Model
from batchai_operator.model.definitions import build_crd
from batchai_operator.model.generate import generated_files, main
from batchai_operator.model.kinds import KINDS, Kind
from batchai_operator.model.rules import Rule
from batchai_operator.model.schema import SchemaError, structural_schema

REFUSED = (
    "accountKey",
    "password",
    "value",
    "adminUserPassword",
    "instrumentationKey",
)


def schema_of(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = build_crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def leaves(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from leaves(child, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from leaves(schema[part], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_everything_in_a_spec_is_bounded_and_described(kind: Kind) -> None:
    for path, schema in leaves(schema_of(kind)["properties"]["spec"], "spec"):
        secret = schema.get("description", "").startswith("Refused")
        if schema.get("type") == "string" and not secret and "enum" not in schema:
            assert "maxLength" in schema, path
        if schema.get("type") == "array":
            assert "maxItems" in schema, path
            assert "x-kubernetes-list-type" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path
        if not path.endswith("[]"):
            assert schema.get("description"), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_nothing_on_a_secrets_field_could_print_it(kind: Kind) -> None:
    found = 0
    for path, schema in leaves(schema_of(kind)["properties"]["spec"], "spec"):
        if schema.get("description", "").startswith("Refused"):
            found += 1
            assert set(schema) == {"type", "description"}, path
        elif path.rsplit(".", maxsplit=1)[-1] in REFUSED:
            # The one field of such a name that holds no secret.
            assert path.endswith("environmentVariables[].value") or ".tolerations[]" in path, path
    assert found >= (1 if kind.kind == "BatchAIFileServer" else 4)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_definition_fits_the_annotation_of_kubectl_apply(kind: Kind) -> None:
    assert len(json.dumps(build_crd(kind))) < 250_000


def test_checked_in_files_are_up_to_date() -> None:
    assert main(["--check"]) == 0


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    (tmp_path / "crds/batchaijobs.yaml").write_text("kind: Other\n")
    capsys.readouterr()
    assert main(["--check", "--root", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "-kind: Other" in shown.out
    assert "make generate" in shown.err


def test_the_charts_copy_keeps_the_definition_when_the_release_goes() -> None:
    for path, text in generated_files().items():
        if "/templates/" in path:
            assert "helm.sh/resource-policy: keep" in text
            assert text.splitlines()[1] == "{{- if .Values.crds.install }}"


def test_the_charts_copy_says_the_same_as_the_plain_one() -> None:
    files = generated_files()
    for kind in KINDS:
        template = files[f"charts/batchai-operator/templates/crds/{kind.plural}.yaml"]
        plain = yaml.safe_load(files[f"crds/{kind.plural}.yaml"])
        lines = template.replace('{{ "{{" }}', "{ {").splitlines()
        rest = yaml.safe_load(
            "\n".join(line for line in lines if not line.strip().startswith("{{"))
        )
        assert rest["spec"] == plain["spec"]


def test_a_model_that_no_definition_can_express_is_noticed() -> None:
    class Either(Model):
        """Two types at once."""

        value: int | str = 0
        """A value."""

    class Odd(Model):
        """A number with a step."""

        value: float = 0
        """A value."""

        model_config = ConfigDict(json_schema_extra={"not": {"type": "string"}})

    for model in (Either, Odd):
        with pytest.raises(SchemaError):
            structural_schema(model)


def test_a_message_says_values_where_it_can_and_reads_well_where_not() -> None:
    rule = Rule("self.a < 1", "a {a} is 100% wrong; it's 'b' {b.c}", None, "a")
    assert rule.as_schema() == {
        "rule": "self.a < 1",
        "message": "a is 100% wrong; it's 'b'",
        "messageExpression": "'a %s is 100%% wrong; it\\'s \\'b\\' %s'.format([self.a, self.b.c])",
        "fieldPath": ".a",
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_long_message_pushes_nothing_away(kind: Kind) -> None:
    shown = [column.name for column in kind.columns if not column.wide]
    assert "Message" not in shown[:-1]
