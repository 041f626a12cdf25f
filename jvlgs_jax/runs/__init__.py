"""Experiments carried out: one training, its folds, and what follows a training from outside."""
