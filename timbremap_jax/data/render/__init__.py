"""Rendering a data set: which values, which sounds, and how they were made."""
