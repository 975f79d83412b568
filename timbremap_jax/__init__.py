"""From an instrument to a mapping: render, features, train, export."""
