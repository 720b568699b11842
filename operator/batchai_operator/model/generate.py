"""Writing what is generated from the models: CRDs, the chart's copies of them, the reference.

Run by hand and by CI: `python -m batchai_operator.model.generate [--check]`. With `--check` nothing
is written; the exit code is 1, and a diff is printed, when a file is out of date.
"""

import argparse
import difflib
import sys
from pathlib import Path

import yaml

from batchai_operator.model.definitions import build_crd
from batchai_operator.model.kinds import KINDS, Kind
from batchai_operator.model.reference import write_reference

_NOTE = (
    "# Generated from the models in operator/batchai_operator/model by `make generate`; "
    "do not edit.\n"
)


def generated_files() -> dict[str, str]:
    """Return the content of every generated file by its path from the repository's root."""
    files: dict[str, str] = {}
    for kind in KINDS:
        crd = _as_yaml(kind)
        files[f"crds/{kind.plural}.yaml"] = _NOTE + crd
        files[f"charts/batchai-operator/templates/crds/{kind.plural}.yaml"] = _as_template(crd)
        files[f"docs/reference/{kind.kind.lower()}.md"] = write_reference(kind)
    return files


def _as_yaml(kind: Kind) -> str:
    return yaml.safe_dump(build_crd(kind), sort_keys=False, width=100, allow_unicode=True)


def _as_template(crd: str) -> str:
    """Wrap a CRD for Helm: optional, labelled, and kept when the release is removed.

    Braces that Helm would take for its own are escaped.
    """
    escaped = crd.replace("{{", '{{ "{{" }}')
    metadata, rest = escaped.split("\nspec:\n", maxsplit=1)
    return (
        f"{_NOTE}{{{{- if .Values.crds.install }}}}\n{metadata}\n"
        "  labels:\n"
        '    {{- include "batchai.labels" . | nindent 4 }}\n'
        "  annotations:\n"
        "    # Jobs and clusters are deleted with their definition, so Helm must leave it alone.\n"
        "    helm.sh/resource-policy: keep\n"
        f"spec:\n{rest}"
        "{{- end }}\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 1 when `--check` found a difference.
    """
    parser = argparse.ArgumentParser(prog="python -m batchai_operator.model.generate")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--root", type=Path, default=_repository(), help="repository's root")
    options = parser.parse_args(arguments)
    stale = 0
    for path, content in generated_files().items():
        target: Path = options.root / path
        present = target.read_text(encoding="utf-8") if target.exists() else ""
        if present == content:
            continue
        stale += 1
        if options.check:
            _print_difference(path, present, content)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
            print(f"wrote {path}")  # noqa: T201 - the program's answer
    if options.check and stale:
        print(f"{stale} generated files are out of date: run `make generate`", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _print_difference(path: str, present: str, wanted: str) -> None:
    lines = difflib.unified_diff(
        present.splitlines(keepends=True), wanted.splitlines(keepends=True), path, "generated"
    )
    sys.stdout.writelines(lines)


def _repository() -> Path:
    return Path(__file__).resolve().parents[3]


if __name__ == "__main__":
    sys.exit(main())
