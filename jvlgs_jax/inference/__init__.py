"""From a trained model to masks, overlays and tables of whole videos."""
