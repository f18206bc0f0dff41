"""AWS -> Inventory, read-only."""
