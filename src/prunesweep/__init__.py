"""prunesweep: how many of LeNet's parameters can go, and what does each cut cost?"""
