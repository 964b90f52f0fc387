"""Depth: what to write instead, where a grid is asked for what it does not take; as `nn.calls` for layers."""

from tinyzip.base.calls import built_by, write_instead
from tinyzip.base.names import module_says
from tinyzip.quant.grids.grid import Grid

built_by(bits="Grid.symmetric(max_abs, bits) of weights, Grid.affine(low, high, bits) of activations")(Grid)
for name in ("symmetric", "affine"):
    type.__setattr__(Grid, name, classmethod(write_instead()(vars(Grid)[name].__func__)))
module_says("tinyzip.quant")
