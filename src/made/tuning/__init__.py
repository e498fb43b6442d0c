"""From rows to a fitted model: candidates, their comparison, recipes."""
