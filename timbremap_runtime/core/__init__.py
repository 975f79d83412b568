"""The map itself: layers, the chain of them, and the text format."""
