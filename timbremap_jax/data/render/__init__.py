"""Rendering a data set: which settings, which sounds, and how they were made."""
