"""Kinds of text: names, paths, command lines, choices. Each is a type with bounds and a remedy.

Used by the models as field types. Every text is bounded, so that the API server can estimate what
its rules cost (platform guide 4.2).
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from batchai_operator.model.rules import quote

_PLACEHOLDER = r"<[A-Za-z][\w -]*>"


def any_case(text: str) -> str:
    """Return the regular expression of a text in any letter case.

    `(?i)` will not do: RE2 then takes U+017F, an old form of s, for an s and the sign of Kelvin for
    a k, which Python's ASCII mode does not.
    """
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in text)


@dataclass(frozen=True)
class Text:
    """A bounded text, with a shape and the words for a text of another shape.

    Attributes:
        max_length: most characters.
        shape: regular expression for the whole text, of the kind that RE2 and Python share.
        remedy: what the text must be; printed after the field and its value.
        placeholder: what to do about a text such as `<AZURE_BATCHAI_STORAGE_ACCOUNT>`; empty when
            angle brackets are ordinary characters.
        min_length: fewest characters.
    """

    max_length: int
    shape: str = ""
    remedy: str = ""
    placeholder: str = ""
    min_length: int = 1

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the shape after the type and the length."""
        text = core_schema.str_schema(min_length=self.min_length, max_length=self.max_length)
        return core_schema.no_info_after_validator_function(self._check, text)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the same checks for the API server."""
        result = handler(schema)
        rules = [{"rule": rule, "message": message} for rule, message in self._rules()]
        return {**result, **({"x-kubernetes-validations": rules} if rules else {})}

    def _rules(self) -> list[tuple[str, str]]:
        rules: list[tuple[str, str]] = []
        exempt = ""
        if self.placeholder:
            # The shape keeps quiet about a placeholder, so that one clear message remains.
            exempt = f"self.matches({quote(_PLACEHOLDER)}) || "
            rules.append((f"!self.matches({quote(_PLACEHOLDER)})", self.placeholder))
        if self.shape:
            whole = quote(f"^(?:{self.shape})$")
            rules.append((f"{exempt}self.matches({whole})", self.remedy))
        return rules

    def _check(self, text: str) -> str:
        if self.placeholder and re.search(_PLACEHOLDER, text, re.ASCII):
            raise ValueError(self.placeholder)
        if self.shape and not re.fullmatch(self.shape, text, re.ASCII):
            raise ValueError(self.remedy)
        return text


class Choice:
    """A word of an enumeration, in any letter case, kept in the service's own spelling."""

    def __init__(self, *words: str) -> None:
        self._words = {word.lower(): word for word in words}
        # An enumeration of the schema would be case-sensitive; the service was not (design 2). A
        # pattern that ignores letter case would take U+017F for an s as well.
        self._rule = f"self.lowerAscii() in [{', '.join(quote(word) for word in self._words)}]"
        self._remedy = f"must be one of {', '.join(words)}, in any letter case"

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Correct the letter case before the word is looked up."""
        return core_schema.no_info_before_validator_function(self._spell, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the words by a rule that ignores letter case."""
        return {
            "type": "string",
            "maxLength": max(map(len, self._words)),
            "x-kubernetes-validations": [{"rule": self._rule, "message": self._remedy}],
        }

    def _spell(self, word: object) -> object:
        is_ascii = isinstance(word, str) and word.isascii()
        return self._words.get(str(word).lower(), word) if is_ascii else word


ACCOUNT_REMEDY = (
    "is a placeholder: put the name of your storage account in its place; `batchai job create` "
    "takes it from --storage-account-name or AZURE_BATCHAI_STORAGE_ACCOUNT"
)
"""Said about `<AZURE_BATCHAI_STORAGE_ACCOUNT>`, which every public recipe contains."""

BatchAIName = Annotated[
    str,
    Text(64, r"[-\w]+", "must consist of letters, digits, '-' and '_', 64 at most (spec 1.3)"),
]
"""Name of a workspace, experiment, cluster, job or file server."""

DirectoryId = Annotated[
    str,
    Text(
        64,
        r"\w+",
        "must consist of letters, digits and '_', because it becomes part of the name of an "
        "environment variable such as AZ_BATCHAI_OUTPUT_MODEL",
    ),
]
"""Id of an input or output directory."""

VariableName = Annotated[
    str,
    Text(
        256,
        r"[A-Za-z_][-\w.]*",
        "must be a name for an environment variable: letters, digits, '_', '-' and '.', not "
        "beginning with a digit",
    ),
]
"""Name of an environment variable or secret."""

RelativePath = Annotated[
    str,
    Text(
        256,
        # Each part can be read in one way only; else Python would try all of them.
        r"\.*[-\w+=@~][-\w.+=@~]*(?:/\.*[-\w+=@~][-\w.+=@~]*)*",
        "must be a relative path such as `data` or `data/train`: not absolute, without '.' or "
        "'..', blanks or a final '/'",
    ),
]
"""Path below a mount root, such as `logs`."""

RelativeFolder = Annotated[
    str,
    Text(
        1024,
        r"\.*[^/.\x00-\x1f][^/\x00-\x1f]*(?:/\.*[^/.\x00-\x1f][^/\x00-\x1f]*)*/?",
        "must be a relative path such as `Models`: not absolute and without '.' or '..'",
    ),
]
"""Path below an output folder."""

RootedPath = Annotated[
    str,
    Text(
        1024,
        r"[/$][^\x00-\x1f]*",
        "must be absolute or begin with a variable, such as $AZ_BATCHAI_JOB_MOUNT_ROOT/logs",
    ),
]
"""Absolute path, or one that begins with a reference to a variable."""

FilePath = Annotated[str, Text(1024, r"[^\x00-\x1f]+", "must be a path without control characters")]
"""Path on the node, in which variables may be referenced."""

_NO_NUL = r"[^\x00]*"
_NUL_REMEDY = "must not contain the character NUL, which no program can be given"

CommandLine = Annotated[str, Text(16384, _NO_NUL, _NUL_REMEDY)]
"""Line for a shell, or part of one."""

Arguments = Annotated[str, Text(16384, _NO_NUL, _NUL_REMEDY, min_length=0)]
"""Command-line arguments; may be empty."""

ObjectName = Annotated[
    str,
    Text(
        253,
        r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*",
        "must be the name of a Kubernetes object in this namespace: small letters, digits, "
        "'-', '.'",
    ),
]
"""Name of a Kubernetes object."""

AccountName = Annotated[
    str,
    Text(
        64,
        r"[a-z0-9]{3,24}",
        "must be the name of a storage account: 3 to 24 small letters and digits",
        ACCOUNT_REMEDY,
    ),
]
"""Name of an Azure storage account."""

# A pattern, because the API server would not pay for a rule over so many long texts.
VariableValue = Annotated[str, Field(max_length=131_072, pattern=rf"^{_NO_NUL}$")]
"""Value of an environment variable; Linux takes no more than 128 KiB with the name, in bytes."""

AnyText = Annotated[str, Text(1024)]
"""Text that is kept and shown but has no meaning here."""

Count = Annotated[int, Strict()]
"""Integer; a number in quotes is refused, as the API server refuses it."""

Flag = Annotated[bool, Strict()]
"""True or false; words such as `yes` are refused, as the API server refuses them."""

NodeCount = Annotated[Count, Field(ge=0, le=1000)]
"""Number of nodes of a cluster."""
