"""The transform that an action was planned with, out of its parameters and the Python files of the manifest."""

from __future__ import annotations

from migrate.actions.base import Context, Step
from migrate.core.errors import Invalid
from migrate.data.transform import TransformSpec, code_digest


def transform_of(step: Step, context: Context) -> TransformSpec | None:
    """The transform of parameter `transform`; None without one.

    Raises `Invalid` when a Python file is not the one that was planned with.
    """
    params = step.params.get("transform")
    if params is None:
        return None
    code = {}
    for path, planned in params["code"].items():
        text = context.code.get(path)
        if text is None or code_digest(text) != planned:
            raise Invalid(
                f"{path} is not the file that {step.address} was planned with",
                why="items that were copied before were changed by another function",
                hint="put the file back, or make a new plan",
            )
        code[path] = text
    return TransformSpec(
        steps=tuple(params["steps"]),
        keys=tuple((name, kind) for name, kind in params["keys"]),
        source_keys=tuple(params["source_keys"]),
        code=code,
    )
