"""The JSON Schema's findings, in our own words and with their place in the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic, error
from migrate.core.schemas import read_schema
from migrate.manifest.document import Document, Path, format_path, redact

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
        where = document.location(path, key=True)
        hint = "name the strategy, or put the options under `strategies`"
        what = "options belong to one strategy, and this table has none"
        return [error(f"{format_path(path)}: {what}", address=format_path(path), hint=hint, location=where)]
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
            return [self._at(path, "has no value", hint=hint, key=True)]
        if keyword in ("anyOf", "oneOf"):
            return self._alternatives(problem, path)
        if keyword == "type":
            return [self._type(problem, path)]
        return [self._at(path, self._sentence(problem), hint=_nearest(problem))]

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
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
            yield self._at((*path, name), "is not a known key", hint=hint, key=True)

    def _missing_keys(self, problem: ValidationError, path: Path) -> Iterator[Diagnostic]:
        # jsonschema reports each missing key with an error of its own, naming it only in the message.
        name = next(name for name in problem.validator_value if problem.message.startswith(repr(name)))
        description = problem.schema.get("properties", {}).get(name, {}).get("description", "")
        yield self._at((*path, name), "is missing", why=description)

    def _bad_name(self, problem: ValidationError, path: Path) -> Diagnostic:
        return self._at((*path, str(problem.instance)), f"as a name {self._name_rule(problem)}", key=True)

    def _name_rule(self, problem: ValidationError) -> str:
        inner = problem.context[0] if problem.context else problem
        return self._sentence(inner)

    def _alternatives(self, problem: ValidationError, path: Path) -> Iterable[Diagnostic]:
        """The branch that has the right type says more than "none of these"."""
        for inner in problem.context or ():
            if isinstance(problem.instance, dict) and inner.validator in ("additionalProperties", "required"):
                yield from _Words(self.document, self.root).of(inner)
                return
        if isinstance(problem.instance, dict) and problem.validator == "anyOf":
            deeper = [inner for inner in problem.context or () if len(inner.path)]
            if deeper:
                for inner in deeper:
                    yield from self.of(inner)
                return
        yield self._at(path, self._sentence(problem))

    def _type(self, problem: ValidationError, path: Path) -> Diagnostic:
        wanted = _TYPES[str(problem.validator_value)]
        value, written = problem.instance, self.document.written(path)
        if wanted == "text" and isinstance(value, (bool, int, float)) and written is not None:
            kind = "true or false" if isinstance(value, bool) else "a number"
            return self._at(
                path, f"must be text, and YAML reads {written} as {kind}", hint=self._quoting(written, path)
            )
        hint = ""
        if isinstance(value, str) and wanted in ("a number", "a whole number") and re.fullmatch(r"[0-9]+", value):
            hint = f"write {int(value[:30])} without quotes"
        elif wanted == "a list" and isinstance(value, str):
            hint = f"write [{_show(value)}]"
        return self._at(path, f"must be {wanted}", hint=hint)

    def _quoting(self, written: str, path: Path) -> str:
        hint = f'write "{written}" in quotes'
        if path[-1:] == ("id",) and len(written) < 12:
            hint += f"; an account has 12 digits and this has {len(written)}: was a leading zero lost?"
        return hint

    def _at(self, path: Path, what: str, *, why: str = "", hint: str = "", key: bool = False) -> Diagnostic:
        address = format_path(path)
        where = self.document.location(path, key=key)
        return error(
            f"{address} {what}" if address else f"the manifest {what}",
            address=address,
            why=why,
            hint=hint,
            location=where,
        )


def _show(value: Any) -> str:
    """A value as one would write it, cut short and without credentials."""
    text = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else redact(str(value))
    return text if len(text) <= 40 else text[:37] + "..."


def _nearest(problem: ValidationError) -> str:
    if problem.validator != "enum" or not isinstance(problem.instance, str):
        return ""
    near = difflib.get_close_matches(problem.instance, [str(one) for one in problem.validator_value], n=1)
    return f"did you mean `{near[0]}`?" if near else ""
