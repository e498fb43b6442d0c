"""The masked network: the plain forward pass, and the products that can be passed to it."""
