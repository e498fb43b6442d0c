"""Reports: self-contained pages about a run, or about the seed's experiments."""
