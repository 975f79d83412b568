"""A model folder: its layout, how it is written and read, and the exported map."""
