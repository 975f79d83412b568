"""Devices: every processor core one, or every accelerator, and a batch divided among them.

A recurrent step is too small to be worth two cores, a share of the batch is not: with a device for
each core, each reads its own sounds from the first frame to the last and they meet once, to add
their gradients. Encoders of few, large products use all cores as one device already: several would
cost the CNN a fifth, and the DNN, whose weights each of them would hold and update, many times.
"""

from __future__ import annotations

import os

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from timbremap_jax.data.workers import n_cores


def use_all_cores() -> None:
    """Make JAX see a device for every core this process may use, as the LSTM encoder trains best.

    To be called before JAX computes anything. Accelerators go first as ever; this says only what a
    machine without one does. Does nothing where the user has said how many devices there are, by
    ``JAX_NUM_CPU_DEVICES`` or ``XLA_FLAGS``.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in flags:
        return
    try:
        jax.config.update("jax_num_cpu_devices", n_cores())
    except RuntimeError:
        pass  # JAX has computed something before: it keeps the devices it has


def batch_sharding(batch_size: int) -> NamedSharding:
    """Divide the first axis of an array of ``batch_size`` examples among the devices.

    As many devices take part as divide the batch evenly: all of them, if it is a multiple of their
    number.
    """
    devices = jax.devices()
    n_devices = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    mesh = Mesh(devices[:n_devices], ("batch",), axis_types=(AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec("batch"))


def replicated(sharding: NamedSharding) -> NamedSharding:
    """Give every device of ``sharding`` the whole of an array: for weights, keys and the like."""
    return NamedSharding(sharding.mesh, PartitionSpec())
