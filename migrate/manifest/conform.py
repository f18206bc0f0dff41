"""The JSON Schema's findings, in our own words and with their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.core.schemas import read_schema
from migrate.manifest.document import Document, Path, did_you_mean, redact

ValidationError = Any  # jsonschema types most fields of its own class as "or unset", which they never are here

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping of keys",
    "array": "a list",
}


def check_schema(document: Document) -> list[Diagnostic]:
    """Every place where the document does not fit the manifest's JSON Schema."""
    schema = read_schema("manifest")
    found = _validate(document, schema, document.value, ())
    tables = document.value.get("tables")
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        found.extend(_check_options(document, schema, table, index))
    return found


def _check_options(document: Document, schema: dict[str, Any], table: Any, index: int) -> list[Diagnostic]:
    """A table's `options` follow its strategy, which may come from `defaults`: more than a schema can say."""
    options = table.get("options") if isinstance(table, dict) else None
    if not isinstance(options, dict):
        return []
    defaults = document.value.get("defaults")
    general = defaults.get("strategy", "auto") if isinstance(defaults, dict) else "auto"
    strategy = table.get("strategy", general)
    path: Path = ("tables", index, "options")
    if strategy == "auto":
        hint = "name the strategy, or put the options under `strategies`"
        return [document.error(path, "need a strategy, and this table leaves the choice to auto", hint=hint, key=True)]
    if not isinstance(strategy, str) or f"{strategy}Options" not in schema["$defs"]:
        return []
    part = {"$schema": schema["$schema"], "$ref": f"#/$defs/{strategy}Options", "$defs": schema["$defs"]}
    return _validate(document, part, options, path)


def _validate(document: Document, schema: dict[str, Any], value: Any, path: Path) -> list[Diagnostic]:
    from jsonschema import Draft202012Validator

    words = _Words(document, path)
    return [finding for problem in Draft202012Validator(schema).iter_errors(value) for finding in words.of(problem)]


class _Words:
    """One ValidationError -> diagnostics."""

    def __init__(self, document: Document, root: Path) -> None:
        self.document, self.root = document, root

    def of(self, problem: ValidationError) -> Iterable[Diagnostic]:
        path = (*self.root, *problem.absolute_path)
        keyword = str(problem.validator)
        if keyword == "additionalProperties":
            return self._unknown_keys(problem, path)
        if keyword == "required":
            return self._missing_keys(problem, path)
        if keyword == "propertyNames":
            return [self._bad_name(problem, path)]
        if problem.instance is None:
            hint = "give it a value, or remove the key"
            return [self.document.error(path, "has no value", hint=hint, key=True)]
        if keyword in ("anyOf", "oneOf"):
            return self._alternatives(problem, path)
        if keyword == "type":
            return [self._type(problem, path)]
        return [self.document.error(path, self._sentence(problem), hint=_nearest(problem))]

    def _sentence(self, problem: ValidationError) -> str:
        schema = problem.schema if isinstance(problem.schema, dict) else {}
        limit = problem.validator_value
        if "errorMessage" in schema:
            return str(schema["errorMessage"])
        sentences = {
            "enum": lambda: f"is {_show(problem.instance)}, not one of {', '.join(_show(one) for one in limit)}",
            "minLength": lambda: "must not be empty",
            "maxLength": lambda: f"is longer than {limit} characters",
            "minimum": lambda: f"must be {limit} or more",
            "maximum": lambda: f"must be {limit} or less",
            "exclusiveMinimum": lambda: f"must be more than {limit}",
            "minItems": lambda: "must not be empty",
            "minProperties": lambda: "must not be empty",
            "maxProperties": lambda: f"has more than {limit} entries",
            "uniqueItems": lambda: "names something twice",
        }
        return sentences.get(str(problem.validator), lambda: "is not valid here")()

    def _unknown_keys(self, problem: ValidationError, path: Path) -> Iterator[Diagnostic]:
        known = list(problem.schema.get("properties", ()))
        for name in problem.instance:
            if name in known:
                continue
            hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
            yield self.document.error((*path, name), "is not a known key", hint=hint, key=True)

    def _missing_keys(self, problem: ValidationError, path: Path) -> Iterator[Diagnostic]:
        # jsonschema reports each missing key with an error of its own, naming it only in the message.
        name = next(name for name in problem.validator_value if problem.message.startswith(repr(name)))
        if did_you_mean(name, [one for one in problem.instance if one not in problem.schema.get("properties", {})]):
            return  # misspelt, which is an error of its own
        description = problem.schema.get("properties", {}).get(name, {}).get("description", "")
        yield self.document.error((*path, name), "is missing", why=description)

    def _bad_name(self, problem: ValidationError, path: Path) -> Diagnostic:
        return self.document.error((*path, str(problem.instance)), f"as a name {self._name_rule(problem)}", key=True)

    def _name_rule(self, problem: ValidationError) -> str:
        inner = problem.context[0] if problem.context else problem
        return self._sentence(inner)

    def _alternatives(self, problem: ValidationError, path: Path) -> Iterable[Diagnostic]:
        """A mapping is told what is wrong inside it, which says more than "none of these"."""
        is_inside = isinstance(problem.instance, dict) and problem.validator == "anyOf"
        inside = [one for one in problem.context or () if one.validator != "type" or len(one.path)]
        inside = [one for one in inside if one.validator != "const"] if is_inside else []
        for one in inside:
            yield from self.of(one)
        if not inside:
            yield self.document.error(path, self._sentence(problem))

    def _type(self, problem: ValidationError, path: Path) -> Diagnostic:
        wanted = _TYPES[str(problem.validator_value)]
        value, written = problem.instance, self.document.written(path)
        if wanted == "text" and isinstance(value, (bool, int, float)) and written is not None:
            kind = "true or false" if isinstance(value, bool) else "a number"
            return self.document.error(
                path, f"must be text, and YAML reads {written} as {kind}", hint=self._quoting(written, path)
            )
        hint = ""
        if isinstance(value, str) and wanted in ("a number", "a whole number") and re.fullmatch(r"[0-9]+", value):
            hint = f"write {int(value[:30])} without quotes"
        elif wanted == "a list" and isinstance(value, str):
            hint = f"write [{_show(value)}]"
        return self.document.error(path, f"must be {wanted}", hint=hint)

    def _quoting(self, written: str, path: Path) -> str:
        hint = f'write "{written}" in quotes'
        if path[-1:] == ("id",) and len(written) < 12:
            hint += f"; an account has 12 digits and this has {len(written)}: was a leading zero lost?"
        return hint


def _show(value: Any) -> str:
    """A value as one would write it, cut short and without credentials."""
    text = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else redact(str(value))
    return text if len(text) <= 40 else text[:37] + "..."


def _nearest(problem: ValidationError) -> str:
    if not isinstance(problem.instance, str):
        return ""
    if problem.validator == "enum":
        return did_you_mean(problem.instance, [str(one) for one in problem.validator_value])
    examples = [one for one in problem.schema.get("examples", ()) if isinstance(one, str)]
    return did_you_mean(problem.instance, examples, cutoff=0.8)
