"""What compiled loops share: their cache on disk, threads, arrays without reference counts."""
