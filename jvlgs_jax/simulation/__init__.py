"""Simulated gas-leak video with exact truth, in JAX: flow, radiometry, scenery, distractors, camera, truth."""
