"""Proof that every item arrived: order-free digests, their comparison, and the report.

Pass one adds up item digests per bucket on both sides; nothing is kept and no item leaves its account. Only buckets
with unequal sums are read a second time, to name the keys. So the proof of equality costs one scan of each table, and
memory does not grow with the table.
"""
