"""What the tests of reports share: settings so small that a report takes a moment."""

from __future__ import annotations

from timbremap_jax.report.settings import ReportSettings

TINY = ReportSettings(
    n_test=20,
    n_points=25,
    n_steps=5,
    n_lines=3,
    n_pairs=60,
    n_drawn_anew=3,
    n_grid=4,
    n_elsewhere=4,
    n_compared=2,
)
