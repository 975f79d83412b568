"""The layers of a map, one file each, and the table of them.

A new layer is a file beside these and its class in `LAYERS`: the chain, the single frames and the
text format take it up from there.
"""

from __future__ import annotations

from timbremap_runtime.core.layers.base import Layer
from timbremap_runtime.core.layers.dense import DenseLayer
from timbremap_runtime.core.layers.pca import PCALayer
from timbremap_runtime.core.layers.vec_scale import VecScale

LAYERS: tuple[type[Layer], ...] = (VecScale, PCALayer, DenseLayer)
"""Every layer that a map can have, in the order in which the point goes through them."""
