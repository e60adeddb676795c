"""Losses: functions of logits and labels that training minimizes."""
