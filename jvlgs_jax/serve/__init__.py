"""`jvlgs serve`: a web view of one video at a time, for the machine it runs on."""
