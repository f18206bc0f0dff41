"""A function for `python:` in a transform: one item in; None, one item, or a list of items out.

An item is a dict of typed wire values, as DynamoDB has them: {"email": {"S": "a@b.c"}, "orders": {"N": "3"}}. Beside
what every dict can do it has `item.value(name)` (str, Decimal, bytes, bool, None, set, list, dict) and
`item.put(name, value)` from such a value; floats are refused, since they are not exact. The function must always make
the same of the same item: verification runs it again. Its file is read from beside the manifest, and runs alone: the
standard library is there, other files of yours are not.
"""


def convert(item):
    email = item.value("email")
    if email is None:
        return None  # left out, and counted
    item.put("email", email.strip().lower())
    addresses = item.pop("addresses", None)
    item.put("kind", "customer")
    items = [item]
    for number, address in enumerate(addresses["L"] if addresses else []):
        # One item more for each address: the sort key tells them apart.
        items.append({"customerId": item["customerId"], "kind": {"S": f"address#{number}"}, **address["M"]})
    return items
