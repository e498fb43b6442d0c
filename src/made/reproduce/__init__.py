"""The seed's two experiments and their reports."""
