"""Embedded AWS for the demo and the tests: moto's server with the rules that this tool depends on added.

Nothing else of the project imports it; it is started as a process of its own (`python -m migrate.sandbox`).
"""
