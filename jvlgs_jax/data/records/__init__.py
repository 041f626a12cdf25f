"""Datasets as records on disk: built once, read at random."""
