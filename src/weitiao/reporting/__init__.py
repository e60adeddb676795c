"""What a run leaves to look at: kept answers, figures of the rows, report.html, TensorBoard."""
