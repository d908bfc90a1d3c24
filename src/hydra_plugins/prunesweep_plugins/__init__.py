"""What prunesweep adds to Hydra's own classes."""
