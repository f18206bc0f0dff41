"""Proof that every item arrived: order-free digests, their comparison, and the report.

Pass one adds up the digests of the raw items, segment by segment, in worker processes; equal sums prove equal tables.
Segments whose sums differ are read again, their items compared in the canonical form and matched by key, so that the
same item written in another way is never called different. Nothing is kept, no item leaves its account, and memory does
not grow with the table.
"""
