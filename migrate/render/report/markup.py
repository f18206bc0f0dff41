"""HTML that is safe by construction: what is not `Html` is escaped, so text of others can never become markup."""

from __future__ import annotations

import html

from migrate.core.printable import printable


class Html(str):
    """Text that is HTML already. Made only here, and by joining other `Html`."""

    __slots__ = ()


Content = str | int | None


def text(value: Content) -> Html:
    """The value as it is to be read: nothing in it is markup, nothing invisible can make a name pass for another."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(printable(str(value), "\n"), quote=True))


def tag(element: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """An element. Attributes that are None or False are left out; `class_` is written `class`."""
    inside = "".join([text(one) for one in content])
    return Html(f"<{element}{_attributes(attributes)}>{inside}</{element}>")


def void(element: str, /, **attributes: str | int | bool | None) -> Html:
    """An element without content, such as `meta`."""
    return Html(f"<{element}{_attributes(attributes)}>")


def joined(*parts: Content, by: str = "") -> Html:
    """The parts one after the other, without those that are empty."""
    return Html(text(by).join([one for one in map(text, parts) if one]))


def _attributes(attributes: dict[str, str | int | bool | None]) -> str:
    found = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        found.append(f" {written}" if value is True else f' {written}="{text(value)}"')
    return "".join(found)
