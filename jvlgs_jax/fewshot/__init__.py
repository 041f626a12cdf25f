"""Learning a new site from a handful of its frames."""
