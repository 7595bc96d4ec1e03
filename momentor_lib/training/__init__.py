"""Training: optimisers, runs that resume, the frame encoder and the tiny model."""
