"""Figures of single items: canonical form and the digests of a page. Run with `python -m`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from migrate.core.item import canonical_item, item_digest, key_digest
from migrate.data.pagedigest import FORMS, page_digest
from migrate.data.rawitems import RawItem

Item = dict[str, dict[str, Any]]
KEYS = ("pk", "sk")


def rich_item(number: int) -> Item:
    """15 attributes of ten types, about 400 bytes as DynamoDB counts and 600 on the wire."""
    return {
        "pk": {"S": f"customer#{number:08d}"},
        "sk": {"S": f"order#{number * 7:010d}"},
        "created": {"N": str(1700000000000 + number)},
        "total": {"N": f"{number % 1000}.{number % 89 + 10}1"},
        "status": {"S": "SHIPPED"},
        "paid": {"BOOL": True},
        "note": {"NULL": True},
        "email": {"S": f"user{number}@example.com"},
        "tags": {"SS": ["red", "green", "blue"]},
        "scores": {"NS": ["3", "1", "2.5"]},
        "blob": {"B": "AAECAwQFBgcICQoLDA0ODw=="},
        "address": {"M": {"street": {"S": "Main Street 12"}, "city": {"S": "Springfield"}, "zip": {"N": "12345"}}},
        "lines": {"L": [{"S": "a1"}, {"N": "2"}, {"M": {"sku": {"S": "X-99"}, "qty": {"N": "3"}}}]},
        "version": {"N": "4"},
        "description": {"S": "x" * 60},
    }


def flat_item(number: int) -> Item:
    """15 attributes, strings and numbers only, about 400 bytes on the wire."""
    plain: Item = {f"attr{n}": {"S": "value of a thing"} if n % 2 else {"N": str(number * 13 + n)} for n in range(13)}
    return {"pk": {"S": f"c#{number}"}, "sk": {"S": f"o#{number}"}, **plain}


def best_us(work: Callable[[Any], object], subjects: list[Any]) -> float:
    """Least time of 15 rounds, microseconds each: the other processes of the machine only ever add."""
    rounds = []
    for _ in range(15):
        started = time.perf_counter()
        for subject in subjects:
            work(subject)
        rounds.append(time.perf_counter() - started)
    return min(rounds) / len(subjects) * 1e6


def measure_items() -> None:
    for name, make in (("rich", rich_item), ("flat", flat_item)):
        items = [make(number) for number in range(1000)]
        texts = [json.dumps(item, separators=(",", ":")) for item in items]
        print(
            f"{name}: {len(texts[0])} bytes of JSON; us per item: "
            f"json.loads {best_us(json.loads, texts):.1f}, canonical {best_us(canonical_item, items):.1f}, "
            f"item digest {best_us(item_digest, items):.1f}, "
            f"key digest {best_us(lambda item: key_digest(item, KEYS), items):.1f}"
        )
        page: list[RawItem] = [text.encode() for text in texts]
        by_form = [f"{form} {best_us(digest_in(form), [page]) / len(page):.2f}" for form in FORMS]
        print(f"{name}: page digest, us per item: {', '.join(by_form)}")


def digest_in(form: str) -> Callable[[list[RawItem]], int]:
    return lambda page: page_digest(page, form)


if __name__ == "__main__":
    measure_items()
