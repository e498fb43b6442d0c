"""What the compiled loops share: their cache on disk, threads, vectors, arrays without reference counting."""
