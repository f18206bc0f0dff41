"""What a schema cannot say: rules between the fields of a manifest."""

from __future__ import annotations

from migrate.core.diagnostics import Diagnostic
from migrate.manifest.document import Document


def check_rules(document: Document) -> list[Diagnostic]:
    """Every cross-field rule that the document breaks. Made for documents that break the schema too."""
    return []
