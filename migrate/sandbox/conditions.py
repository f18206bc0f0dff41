"""Conditional requests of S3: moto compares and writes in two steps; here nothing comes between them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html   (412, 404 for a missing object, 409)
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html   (If-None-Match takes only the asterisk)

A 409 ConditionalRequestConflict, which S3 gives by chance when requests for one object collide, comes from a fault rule
(`conflict`); a store that ignores conditions is played by the rule `unconditional`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response

from migrate.sandbox.settings import Timing

_one_at_a_time = threading.RLock()


class NotImplementedCondition(S3ClientError):
    """501 NotImplemented, for a condition that S3 does not know."""

    code = "NotImplemented"

    def __init__(self) -> None:
        super().__init__("A header you provided implies functionality that is not implemented")


def install(timing: Timing) -> None:
    """Puts the rules of this module into moto. `timing` is not used."""
    del timing
    if getattr(S3Response, "sandbox_conditions", False):
        return
    S3Response.sandbox_conditions = True
    S3Response.put_object = _alone(S3Response.put_object)
    S3Response.delete_object = _alone(S3Response.delete_object)


def _alone(original: Callable[[S3Response], Any]) -> Callable[[S3Response], Any]:
    @functools.wraps(original)
    def answer(self: S3Response) -> Any:
        if self.method == "PUT" and self.headers.get("If-None-Match", "*") != "*":
            raise NotImplementedCondition()
        with _one_at_a_time:
            return original(self)

    return answer
