from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import jax
from timbremap_jax.data.workers import n_cores
from timbremap_jax.backend.devices import use_all_cores
use_all_cores()
print(len(jax.devices()), n_cores())
"""


@pytest.mark.parametrize(
    ("environment", "n_devices"),
    [
        ({}, None),
        ({"JAX_NUM_CPU_DEVICES": "3"}, 3),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3),
        ({"XLA_FLAGS": "--xla_cpu_enable_fast_math=false"}, None),
    ],
)
def test_every_core_is_a_device_unless_the_user_says_otherwise(
    environment: dict[str, str], n_devices: int | None
):
    # The number of devices is settled once a process, so this needs one of its own.
    inherited = {
        k: v for k, v in os.environ.items() if k not in {"JAX_NUM_CPU_DEVICES", "XLA_FLAGS"}
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    actual, n_cores = map(int, done.stdout.split())
    assert actual == (n_devices or n_cores)
