"""Annotation: journal of answers, queue, pre-labels, active learning, agreement, label meter."""
