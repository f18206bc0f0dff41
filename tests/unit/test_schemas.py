"""The JSON Schemas: found however the program is installed, sound, and in step with the code."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from migrate.core import schemas
from migrate.manifest.model import STRATEGY_DEFAULTS, Defaults, Verify


@pytest.mark.parametrize("folder", ["migrate/_schemas", "schemas"], ids=["wheel", "checkout"])
def test_a_schema_is_found(tmp_path: Path, folder: str) -> None:
    (tmp_path / "migrate/core").mkdir(parents=True)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "manifest.schema.json").write_text('{"title": "this one"}')
    module = load(Path(shutil.copy(Path(schemas.__file__), tmp_path / "migrate/core/schemas.py")))
    assert module.read_schema("manifest") == {"title": "this one"}


def test_a_schema_that_is_not_there_is_named() -> None:
    with pytest.raises(schemas.SchemaNotFound, match=r"nothing\.schema\.json"):
        schemas.read_schema("nothing")


def test_a_reader_may_change_what_it_got() -> None:
    schemas.read_schema("manifest").clear()
    assert schemas.read_schema("manifest")["title"]


def test_the_manifest_schema_is_sound() -> None:
    schema = schemas.read_schema("manifest")
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        jsonschema.Draft202012Validator(schema).validate(example)


def test_every_setting_is_described() -> None:
    """What an editor shows on hover. A property may leave it to the definition that it refers to."""
    schema = schemas.read_schema("manifest")
    bare = [
        f"{where}.{name}"
        for where, part in [("", schema), *schema["$defs"].items()]
        if where != "attributeValue"
        for name, setting in part.get("properties", {}).items()
        if "description" not in {**schema["$defs"].get(setting.get("$ref", "").rpartition("/")[2], {}), **setting}
    ]
    assert bare == []


def test_the_defaults_are_those_of_the_code() -> None:
    definitions = schemas.read_schema("manifest")["$defs"]
    written = {
        strategy: {
            name: setting.get("default", definitions.get(setting.get("$ref", "").rpartition("/")[2], {}).get("default"))
            for name, setting in definitions[f"{strategy}Options"]["properties"].items()
        }
        for strategy in STRATEGY_DEFAULTS
    }
    stated = {name: {k: v for k, v in options.items() if v is not None} for name, options in written.items()}
    assert stated == {name: dict(options) for name, options in STRATEGY_DEFAULTS.items()}


def test_the_general_defaults_are_those_of_the_code() -> None:
    settings: dict[str, Any] = schemas.read_schema("manifest")["properties"]["defaults"]["properties"]
    stated = {name: setting["default"] for name, setting in settings.items() if "default" in setting}
    assert Defaults(**{**stated, "verify": Verify(stated["verify"])}) == Defaults()


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("schemas_elsewhere", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
