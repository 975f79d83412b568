"""A model folder: its layout, how a run begins in it, and how it is written and read."""
