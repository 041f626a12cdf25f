"""The packages; everything else about the distribution is in pyproject.toml.

The TFDS builders lie in `datasets/` and install as `jvlgs_datasets`: as `datasets` they would collide with Hugging
Face's package.
"""

from setuptools import find_packages, setup

BUILDERS = "jvlgs_datasets"

setup(
    packages=[
        *find_packages(include=["jvlgs_jax*"]),
        *(f"{BUILDERS}.{name}" for name in find_packages("datasets")),
    ],
    package_dir={BUILDERS: "datasets"},
    package_data={
        "jvlgs_jax.compile_check": ["*.txtpb"],
        "jvlgs_jax.inference": ["*.jinja"],
        "jvlgs_jax.sample": ["README.md", "clip/*.mp4", "clip/masks/leak/*.png"],
        "jvlgs_jax.serve": ["page/*"],
        "jvlgs_jax.weights": ["*.md", "*/*"],
        **{f"{BUILDERS}.{name}": ["README.md", "CITATIONS.bib", "TAGS.txt"] for name in find_packages("datasets")},
    },
)
