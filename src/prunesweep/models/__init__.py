"""The networks.

- `settings`: the schemas that users set
- `build`, `lenets`, `custom`: settings to a network
- `initialization`: the random weights with which a network starts
- `tensors`: the parameters and buffers of a network, each under one name
- `weights`: the weights of a trained network from the user's file
- `trial`: how a network must be run, and whether it can be trained

May import `errors`, `code`, and the memory layouts in `data`.
"""
