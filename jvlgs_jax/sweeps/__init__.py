"""Sweeps: many trainings from one config file, here or as jobs of a cluster, and the table of what they found."""
