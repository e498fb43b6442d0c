"""Models behind an address: `create_app` makes an application of FastAPI; ``made serve`` runs it."""
