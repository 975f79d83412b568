"""Sounds and recordings: read, write, check."""
