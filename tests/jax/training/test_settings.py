from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.errors import SettingsError


def test_settings_need_no_jax():
    # Whoever asks for the defaults, such as --help, need not wait for it.
    code = (
        "import sys, timbremap_jax.training.settings;"
        "print([name for name in ('jax', 'flax', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['numpy']")  # the errors are the runtime's


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("seed", -1, "seed -1: out of range; use 0 to 9223372036854775807"),
        ("seed", 2**63, "seed 9223372036854775808: out of range; use 0 to 9223372036854775807"),
        ("epochs", 0, "epochs 0: out of range; use 1 to 1000000"),
        ("epochs", 10**30, "out of range; use 1 to 1000000"),
        ("latent_size", 0, "latent_size 0: out of range; use at least 1"),
        ("batch_size", 0, "batch_size 0: out of range; use at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(setting: str, value: Any, message: str):
    with pytest.raises(SettingsError, match=message):
        replace(TrainSettings(), **{setting: value})
