"""Questions about incomplete rows, answered through a small density protocol."""
