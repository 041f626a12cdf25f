"""Attention ops on arrays."""
