"""The JSON Schema's findings, in our own words and with their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from migrate.core.diagnostics import Diagnostic
from migrate.core.schemas import read_schema
from migrate.manifest.document import Document, Path, did_you_mean, redact

Problem = Any  # a ValidationError; its own annotations make most fields "or unset", which they never are here

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping of keys",
    "array": "a list",
}
_SENTENCES = {
    "minLength": "must not be empty",
    "maxLength": "is longer than {} characters",
    "minimum": "must be {} or more",
    "maximum": "must be {} or less",
    "exclusiveMinimum": "must be more than {}",
    "minItems": "must not be empty",
    "minProperties": "must not be empty",
    "maxProperties": "has more than {} entries",
    "uniqueItems": "names something twice",
}


def check_schema(document: Document, name: str) -> list[Diagnostic]:
    """Every place where the document does not fit the JSON Schema of that name."""
    return _validate(document, read_schema(name), document.value, ())


def check_manifest_schema(document: Document) -> list[Diagnostic]:
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
    words = _Words(document, path)
    return [finding for problem in _validator(schema).iter_errors(value) for finding in words.of(problem)]


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(validator: Any, limit: str, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG001
        # JSON Schema's `$` is the very end; Python's would let a final line break through.
        strict = limit[:-1] + r"\Z" if limit.endswith("$") else limit
        if isinstance(instance, str) and not re.search(strict, instance):
            yield ValidationError("does not match")

    build: Any = extend
    return build(Draft202012Validator, {"pattern": pattern})(schema)


class _Words:
    """One ValidationError -> diagnostics."""

    def __init__(self, document: Document, root: Path) -> None:
        self.document, self.root = document, root

    def of(self, problem: Problem) -> Iterable[Diagnostic]:
        path = (*self.root, *problem.absolute_path)
        keyword = str(problem.validator)
        if keyword == "additionalProperties":
            return self._unknown_keys(problem, path)
        if keyword == "required":
            return self._missing_keys(problem, path)
        if "propertyNames" in problem.absolute_schema_path:
            name = str(problem.instance)
            return [self.document.error((*path, name), f"as a name {self._sentence(problem)}", key=True)]
        if problem.instance is None:
            hint = "give it a value, or remove the key"
            return [self.document.error(path, "has no value", hint=hint, key=True)]
        if keyword in ("anyOf", "oneOf"):
            return self._alternatives(problem, path)
        if keyword == "type":
            return [self._type(problem, path)]
        return [self.document.error(path, self._sentence(problem), hint=_nearest(problem))]

    def _sentence(self, problem: Problem) -> str:
        schema = problem.schema if isinstance(problem.schema, dict) else {}
        limit = problem.validator_value
        if "errorMessage" in schema:
            return str(schema["errorMessage"])
        if problem.validator == "enum":
            return f"is {_show(problem.instance)}, not one of {', '.join(_show(one) for one in limit)}"
        return _SENTENCES.get(str(problem.validator), "is not valid here").format(limit)

    def _unknown_keys(self, problem: Problem, path: Path) -> Iterator[Diagnostic]:
        known = list(problem.schema.get("properties", ()))
        for name in problem.instance:
            if name in known:
                continue
            hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
            yield self.document.error((*path, name), "is not a known key", hint=hint, key=True)

    def _missing_keys(self, problem: Problem, path: Path) -> Iterator[Diagnostic]:
        # jsonschema reports each missing key with an error of its own, naming it only in the message.
        name = next(name for name in problem.validator_value if problem.message.startswith(repr(name)))
        if did_you_mean(name, [one for one in problem.instance if one not in problem.schema.get("properties", {})]):
            return  # misspelt, which is an error of its own
        description = problem.schema.get("properties", {}).get(name, {}).get("description", "")
        yield self.document.error((*path, name), "is missing", why=description)

    def _alternatives(self, problem: Problem, path: Path) -> Iterable[Diagnostic]:
        """A mapping is told what is wrong inside it, which says more than "none of these"."""
        is_inside = isinstance(problem.instance, dict) and problem.validator == "anyOf"
        inside = [one for one in problem.context or () if one.validator != "type" or len(one.path)]
        # Of the mapping as a whole, that it is none of some words says nothing.
        inside = [one for one in inside if one.validator not in ("const", "enum") or one.path] if is_inside else []
        for one in inside:
            yield from self.of(one)
        if not inside and not self._is_told_otherwise(problem):
            yield self.document.error(path, self._sentence(problem))

    def _is_told_otherwise(self, problem: Problem) -> bool:
        """`oneOf` is about the keys that an entry needs: said when it is a mapping, and does not misspell them."""
        if problem.validator != "oneOf":
            return False
        known = problem.schema["properties"]
        misspelt = [key for key in problem.instance if key not in known] if isinstance(problem.instance, dict) else []
        needed = [key for branch in problem.validator_value for key in branch["required"]]
        return not isinstance(problem.instance, dict) or any(did_you_mean(key, needed) for key in misspelt)

    def _type(self, problem: Problem, path: Path) -> Diagnostic:
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
        elif wanted == "a list" and isinstance(value, str) and path[-1] in ("exclude", "drop"):
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


def _nearest(problem: Problem) -> str:
    if not isinstance(problem.instance, str):
        return ""
    if problem.validator == "enum":
        return did_you_mean(problem.instance, [str(one) for one in problem.validator_value])
    examples = [one for one in problem.schema.get("examples", ()) if isinstance(one, str)]
    return did_you_mean(problem.instance, examples, cutoff=0.8)
