"""What was done: the state's types, its store and its lock."""
