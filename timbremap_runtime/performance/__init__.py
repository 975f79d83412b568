"""A performance: where the point is, what the hands changed, what is played."""
