"""Training: what is asked for, the loss, the loop, checkpoints, errors."""
