"""The commands: each file reads its arguments and calls what does the work."""
