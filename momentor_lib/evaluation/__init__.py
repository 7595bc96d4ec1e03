"""Evaluation: metrics as plain functions, and the scores of a model on toy videos."""
