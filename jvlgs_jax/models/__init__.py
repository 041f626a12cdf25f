"""The JVLGS network: one file a part of the paper's figure."""
