"""Training and evaluation of a network: loop, optimizers, learning rates. May import `errors` and `data`."""
