"""What a value is, how it enters the network, and which distribution leaves it."""
