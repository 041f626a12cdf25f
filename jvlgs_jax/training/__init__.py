"""Losses, optimizer, train step, checkpoints and the loop."""
