"""A kind as a CustomResourceDefinition.

Called by generate.py and reference.py; the schemas come from the models through schema.py.
"""

from typing import Any

from batchai_operator.model.kinds import MAX_OBJECT_NAME, Column, Kind
from batchai_operator.model.schema import structural_schema
from batchai_operator.names import CATEGORY, GROUP, VERSION


def build_crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind.

    Args:
        kind: the kind.

    Returns:
        The object, ready to be written as YAML.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short),
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
        "subresources": {"status": {}, **({"scale": kind.scale} if kind.scale else {})},
        "schema": {
            "openAPIV3Schema": {
                "description": kind.about,
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": structural_schema(kind.spec),
                    "status": structural_schema(kind.status),
                },
                "x-kubernetes-validations": [
                    {
                        "rule": f"self.metadata.name.size() <= {MAX_OBJECT_NAME} && "
                        f"self.metadata.name.matches('^{kind.name_shape}$')",
                        "message": kind.name_remedy,
                    }
                ],
            }
        },
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
        **({"priority": 1} if column.wide else {}),
    }
