"""Decisions: what turns observations into actions, and how it is trained."""
