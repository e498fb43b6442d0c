"""What the commands do, returning data: fit, score, sample, complete, draw pictures."""
