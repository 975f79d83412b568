"""The same chain in other libraries: each takes NumPy arrays and gives NumPy arrays.

JAX, ONNX Runtime and PyTorch get the chain as TimbreMap runs it, with all that is affine multiplied
together once, so that none of them is slower for want of that. SciPy and plain NumPy take the
three steps one after the other, as one writes them down: scale, PCA, dense layer. NumPy has no
normal distribution; the plain version takes ours for arrays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale
from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.core.stages import split_at_last_affine
from timbremap_runtime.core.types import Scale

Frame = Callable[[np.ndarray], np.ndarray]

LOW, HIGH = LOWEST_CONTROL, 1.0 - LOWEST_CONTROL

DOUBLE = 1e-9
"""Peers in double precision differ from us by roundings alone: of 127, and of 1."""
SINGLE_ERF = 1e-6
"""ONNX Runtime has Erf in single precision only, which leaves seven digits of c."""


class Peer(NamedTuple):
    """A chain in another library, and how far its answers may be from ours."""

    forward: Frame
    inverse: Frame
    forward_tolerance: float = DOUBLE
    inverse_tolerance: float = DOUBLE


N_PIECES = 64
"""Of the even scale, as tm-train measures it."""


def make_map(m: int, n: int, scale: Scale = "normal", with_pca: bool = True) -> TimbreMap:
    """Make a map of random numbers, the same in every run."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(m, m)))[0]
    pca = PCALayer(axes, rng.normal(0.0, 0.1, m)) if with_pca else None
    dense = DenseLayer(rng.normal(0.0, 0.5, (m, n)), rng.normal(0.0, 0.1, n))
    steps = rng.uniform(0.1, 2.0, (m, N_PIECES)).cumsum(axis=1)
    even = np.hstack([np.zeros((m, 1)), steps / steps[:, -1:]])
    scaling = VecScale(np.zeros(m), np.ones(m), np.full(m, -3.0), np.full(m, 6.0), scale, even)
    return TimbreMap(scaling, [dense], pca)


def make_peers(mapping: TimbreMap) -> tuple[dict[str, Peer], list[str]]:
    """Make every peer whose library is installed; say in a line each which are not.

    Parameters
    ----------
    mapping : TimbreMap
        Of one dense sigmoid layer.
    """
    makers = {
        "NumPy": in_numpy,
        "SciPy": in_scipy,
        "ONNX Runtime": in_onnx,
        "JAX jit": in_jax,
        "PyTorch": in_torch,
    }
    peers: dict[str, Peer] = {}
    absent: list[str] = []
    for name, make in makers.items():
        try:
            peers[name] = make(mapping)
        except ImportError as error:
            absent.append(f"{name} does not take part: {error.name} is not installed")
    return peers, absent


def check(mapping: TimbreMap, name: str, peer: Peer, c: np.ndarray) -> None:
    """Hold a peer's answers against ours, forward and back, for controls (m,) or (k, m)."""
    p = mapping.forward(c)
    for direction, wanted, got, tolerance in (
        ("forward", p, peer.forward(c), peer.forward_tolerance),
        ("inverse", mapping.inverse(p), peer.inverse(p), peer.inverse_tolerance),
    ):
        np.testing.assert_allclose(
            got, wanted, rtol=0.0, atol=tolerance, err_msg=f"{name}, {direction}"
        )


def in_numpy(mapping: TimbreMap) -> Peer:
    """Write the three steps in NumPy."""
    scaling, pca, dense = mapping.vec_scale, mapping.pca, mapping.dense[0]
    offset, slope = scaling.affine
    normal = mapping.scale == "normal"

    def forward(c: np.ndarray) -> np.ndarray:
        u = gaussian.quantile(np.clip(c, LOW, HIGH)) if normal else np.clip(c, 0.0, 1.0)
        z = offset + slope * u
        if pca is not None:
            z = z @ pca.weights_inv + pca.biases
        return 127.0 / (1.0 + np.exp(-(z @ dense.weights + dense.biases)))

    def inverse(p: np.ndarray) -> np.ndarray:
        z = (np.log(p / (127.0 - p)) - dense.biases) @ dense.exact_inverse
        if pca is not None:
            z = (z - pca.biases) @ pca.exact_inverse
        u = (z - offset) / slope
        return gaussian.cdf(u) if normal else np.clip(u, 0.0, 1.0)

    return Peer(forward, inverse)


def in_scipy(mapping: TimbreMap) -> Peer:
    """Write the three steps with SciPy's special functions, a tenth of the time of its stats."""
    from scipy import special

    scaling, pca, dense = mapping.vec_scale, mapping.pca, mapping.dense[0]
    offset, slope = scaling.affine
    normal = mapping.scale == "normal"

    def forward(c: np.ndarray) -> np.ndarray:
        u = special.ndtri(np.clip(c, LOW, HIGH)) if normal else np.clip(c, 0.0, 1.0)
        z = offset + slope * u
        if pca is not None:
            z = z @ pca.weights_inv + pca.biases
        return 127.0 * special.expit(z @ dense.weights + dense.biases)

    def inverse(p: np.ndarray) -> np.ndarray:
        z = (special.logit(p / 127.0) - dense.biases) @ dense.exact_inverse
        if pca is not None:
            z = (z - pca.biases) @ pca.exact_inverse
        u = (z - offset) / slope
        return special.ndtr(u) if normal else np.clip(u, 0.0, 1.0)

    return Peer(forward, inverse)


def in_jax(mapping: TimbreMap) -> Peer:
    """Jit the chain in double precision."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    normal, clip = jax.scipy.stats.norm, jax.numpy.clip
    _, stage, _ = split_at_last_affine(mapping.stages)

    @jax.jit
    def forward(c):
        u = normal.ppf(clip(c, LOW, HIGH)) if mapping.scale == "normal" else clip(c, 0.0, 1.0)
        return 127.0 * jax.nn.sigmoid(u @ stage.matrix + stage.offset)

    @jax.jit
    def inverse(p):
        u = jax.scipy.special.logit(p / 127.0) @ stage.inverse_matrix + stage.inverse_offset
        return normal.cdf(u) if mapping.scale == "normal" else clip(u, 0.0, 1.0)

    # np.asarray waits for the result.
    return Peer(lambda c: np.asarray(forward(c)), lambda p: np.asarray(inverse(p)))


def in_torch(mapping: TimbreMap) -> Peer:
    """Write the chain in PyTorch, without gradients."""
    import torch  # pyright: ignore[reportMissingImports]

    _, stage, _ = split_at_last_affine(mapping.stages)
    matrix, offset, back, back_offset = (
        torch.tensor(np.array(array))
        for array in (stage.matrix, stage.offset, stage.inverse_matrix, stage.inverse_offset)
    )
    normal = mapping.scale == "normal"

    @torch.inference_mode()
    def forward(c: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(c)
        u = torch.special.ndtri(x.clamp(LOW, HIGH)) if normal else x.clamp(0.0, 1.0)
        return (torch.sigmoid(u @ matrix + offset) * 127.0).numpy()

    @torch.inference_mode()
    def inverse(p: np.ndarray) -> np.ndarray:
        u = torch.logit(torch.from_numpy(p) / 127.0) @ back + back_offset
        return (torch.special.ndtr(u) if normal else u.clamp(0.0, 1.0)).numpy()

    return Peer(forward, inverse)


def in_onnx(mapping: TimbreMap) -> Peer:
    """Export the chain as two ONNX graphs and open them."""
    import onnx  # pyright: ignore[reportMissingImports]
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    # Else its threads burn the cores while the other contestants run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3

    _, stage, _ = split_at_last_affine(mapping.stages)
    m, n = mapping.control_size, mapping.parameter_size
    normal = mapping.scale == "normal"

    def session(graph: _Graph, result: str, size_in: int, size_out: int) -> Any:
        model = graph.model(onnx, result, size_in, size_out)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def forward_session(polynomials: Polynomials) -> Any:
        graph = _Graph(onnx.helper.make_node, onnx.numpy_helper.from_array)
        x = graph("Clip", "x", LOW if normal else 0.0, HIGH if normal else 1.0)
        u = _quantile(graph, x, polynomials) if normal else x
        driven = graph("Add", graph("MatMul", u, stage.matrix), stage.offset)
        return session(graph, graph("Mul", graph("Sigmoid", driven), 127.0), m, n)

    def inverse_session() -> Any:
        graph = _Graph(onnx.helper.make_node, onnx.numpy_helper.from_array)
        driven = graph("Log", graph("Div", "x", graph("Sub", 127.0, "x")))
        u = graph("Add", graph("MatMul", driven, stage.inverse_matrix), stage.inverse_offset)
        return session(graph, _cdf(graph, u) if normal else graph("Clip", u, 0.0, 1.0), n, m)

    # Few nodes for one frame, little work for many.
    one, many, back = forward_session(_powers), forward_session(_horner), inverse_session()

    # A graph has a fixed number of dimensions: one frame is a batch of one.
    def forward(c: np.ndarray) -> np.ndarray:
        return one.run(None, {"x": c[None]})[0][0] if c.ndim == 1 else many.run(None, {"x": c})[0]

    def inverse(p: np.ndarray) -> np.ndarray:
        return back.run(None, {"x": p[None]})[0][0] if p.ndim == 1 else back.run(None, {"x": p})[0]

    return Peer(forward, inverse, inverse_tolerance=SINGLE_ERF if normal else DOUBLE)


class _Graph:
    """An ONNX graph that grows by calls: the name of an operator, then its inputs."""

    def __init__(self, make_node: Any, from_array: Any):
        self._make_node, self._from_array = make_node, from_array
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        result = f"y{len(self.nodes)}"
        self.nodes.append(self._make_node(operator, names, [result], **attributes))
        return result

    def _constant(self, value: Any) -> str:
        array = np.array(value)
        name = f"k{len(self.constants)}"
        self.constants.append(self._from_array(array, name))
        return name

    def model(self, onnx: Any, result: str, size_in: int, size_out: int) -> Any:
        helper, double = onnx.helper, onnx.TensorProto.DOUBLE
        graph = helper.make_graph(
            self.nodes,
            "chain",
            [helper.make_tensor_value_info("x", double, ["frames", size_in])],
            [helper.make_tensor_value_info(result, double, ["frames", size_out])],
            self.constants,
        )
        # Versions that every release since 2024 reads.
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


Coefficients = tuple[float, ...]
Polynomials = Callable[[_Graph, str, Coefficients, Coefficients], tuple[str, str]]
"""Two polynomials of one argument, highest power first."""


def _powers(graph: _Graph, x: str, top: Coefficients, bottom: Coefficients) -> tuple[str, str]:
    """One product each with the powers of the argument: few nodes, but powers are dear."""
    powers = graph("Pow", graph("Unsqueeze", x, np.array([-1])), np.arange(float(len(top))))
    return (
        graph("MatMul", powers, np.array(top[::-1])),
        graph("MatMul", powers, np.array(bottom[::-1])),
    )


def _horner(graph: _Graph, x: str, top: Coefficients, bottom: Coefficients) -> tuple[str, str]:
    """Horner's scheme: little work, two nodes a coefficient."""

    def total(coefficients: Coefficients) -> str:
        first, *rest = coefficients
        result: Any = first
        for coefficient in rest:
            result = graph("Add", graph("Mul", result, x), coefficient)
        return result

    return total(top), total(bottom)


def _quantile(graph: _Graph, c: str, polynomials: Polynomials) -> str:
    """Φ⁻¹ by AS 241, as ONNX has no inverse of Erf."""

    def rational(x: str, top: Coefficients, bottom: Coefficients) -> str:
        return graph("Div", *polynomials(graph, x, top, bottom))

    q = graph("Sub", c, 0.5)
    r = graph("Sub", 0.180625, graph("Mul", q, q))
    centre = graph("Mul", q, rational(r, gaussian.CENTRE_TOP, gaussian.CENTRE_BOTTOM))
    r = graph("Sqrt", graph("Neg", graph("Log", graph("Min", c, graph("Sub", 1.0, c)))))
    near = rational(graph("Sub", r, 1.6), gaussian.NEAR_TOP, gaussian.NEAR_BOTTOM)
    far = rational(graph("Sub", r, 5.0), gaussian.FAR_TOP, gaussian.FAR_BOTTOM)
    tail = graph("Mul", graph("Where", graph("Greater", r, 5.0), far, near), graph("Sign", q))
    return graph("Where", graph("Greater", graph("Abs", q), 0.425), tail, centre)


def _cdf(graph: _Graph, u: str) -> str:
    """Φ by Erf."""
    single, double = 1, 11  # TensorProto.FLOAT, DOUBLE
    erf = graph("Erf", graph("Cast", graph("Mul", u, 0.5**0.5), to=single))
    return graph("Mul", graph("Add", graph("Cast", erf, to=double), 1.0), 0.5)
