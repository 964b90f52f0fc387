"""How a network learns: data, optimizers, the loop, and what keeps a training from being lost."""
