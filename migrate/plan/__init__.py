"""Planning: pure functions from manifest, inventory and state to a plan. No client, no clock, no file."""
