"""Mel power spectrograms of a data set."""
