"""Effects. One family per file; each kind can look, start, wait and be undone. `registry.py` lists them."""
