"""Carrying out a plan: one loop for every step, pure transitions, a scheduler, resume, signals."""
