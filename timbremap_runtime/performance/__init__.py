"""A performance: where the point is, what was set by hand, what is played."""
