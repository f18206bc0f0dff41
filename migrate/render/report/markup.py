"""HTML that is safe by construction: what is not `Html` is escaped, so text of others can never become markup."""

from __future__ import annotations

import html
import re

from migrate.core.printable import printable


class Html(str):
    """Text that is HTML already. Made only in this package, from markup of its own and from escaped text."""

    __slots__ = ()


Content = str | int | None

_PLAIN = re.compile(r"[ !#-%(-;=?-~]*")
"""Printable ASCII without what has a meaning in HTML: most of what is written, and quickly told."""


def text(value: Content) -> Html:
    """The value as it is to be read: nothing in it is markup, nothing invisible can make a name pass for another."""
    if type(value) is Html:
        return value
    words = "" if value is None else str(value)
    return Html(words if _PLAIN.fullmatch(words) else html.escape(printable(words, "\n"), quote=True))


def tag(element: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """An element. Attributes that are None or False are left out; `class_` is written `class`."""
    inside = "".join([one if type(one) is Html else text(one) for one in content])
    if not attributes:
        return Html(f"<{element}>{inside}</{element}>")
    return Html(f"<{element}{_attributes(attributes)}>{inside}</{element}>")


def void(element: str, /, **attributes: str | int | bool | None) -> Html:
    """An element without content, such as `meta`."""
    return Html(f"<{element}{_attributes(attributes)}>")


def joined(*parts: Content) -> Html:
    """The parts one after the other."""
    return Html("".join([one if type(one) is Html else text(one) for one in parts]))


def _attributes(attributes: dict[str, str | int | bool | None]) -> str:
    found = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        found.append(f" {written}" if value is True else f' {written}="{text(value)}"')
    return "".join(found)
