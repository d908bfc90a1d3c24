"""A pruned network as one file to take away: a format a module, each written, read back and verified."""
