"""The models that come with the package, a folder each, and the code that lists and makes them."""
