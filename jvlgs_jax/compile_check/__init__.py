"""What a program needs on accelerators that are not here: compiled for them, never run."""
