"""The vocabulary that every other package shares. Standard library only; imports nothing else of the project."""
