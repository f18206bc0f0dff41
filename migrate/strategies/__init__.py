"""Recipes: facts -> actions. Pure; they never act. One file per strategy; `registry.py` lists them."""
