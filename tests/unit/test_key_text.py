"""Keys in reports: readable, and harmless to a terminal."""

from __future__ import annotations

import pytest

from migrate.verify.report import key_text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ({"PK": {"S": "c#1"}, "SK": {"N": "12"}}, 'PK "c#1" (S), SK 12 (N)'),
        ({"id": {"B": "AAE="}}, "id AAE= (B)"),
        ({"id": {"S": 'say "hi" \\ é'}}, r'id "say \"hi\" \\ é" (S)'),
        ({"id": {"S": "\x1b[2J\n"}}, r'id "\x1b[2J\n" (S)'),
        ({"a\tb": {"S": ""}}, r'"a\tb" "" (S)'),
    ],
)
def test_key_text(key: dict[str, dict[str, str]], text: str) -> None:
    assert key_text(key) == text
