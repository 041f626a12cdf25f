"""A simulated clip with truth that comes with the package, and the program that made it."""

from pathlib import Path

CLIP = Path(__file__).parent / "clip"  # a dataset in the gas_folder layout: leak.mp4 and masks/leak/
