"""Pure: plan, state, report -> text and JSON. Nothing here reads a file or calls AWS."""
