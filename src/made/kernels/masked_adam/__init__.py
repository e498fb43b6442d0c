"""A training step that multiplies and updates active weights only."""
