"""Per-frame records, metric conventions, baselines and the evaluator."""
