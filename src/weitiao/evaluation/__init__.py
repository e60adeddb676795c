"""Judgement: metrics, intervals, baselines, the report."""
