from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from timbremap_jax.training.recipes import RECIPES, Recipe, find_recipe
from timbremap_runtime.errors import SettingsError


def updates(recipe: Recipe, gradients: list[float], n_steps: int | None = None) -> list[float]:
    """How far one weight moves at each step."""
    optimizer = recipe.gradient_transformation(n_steps or len(gradients))
    state = optimizer.init(jnp.zeros(()))
    moves: list[float] = []
    for gradient in gradients:
        move, state = optimizer.update(jnp.asarray(gradient), state)
        moves.append(float(jnp.asarray(move)))
    return moves


def test_the_original_recipe_is_rmsprop_as_keras_has_it():
    # Keras: mean square = 0.9 mean square + 0.1 g^2; step = -rate g / (sqrt(mean square) + 1e-7).
    mean_square, expected = 0.0, []
    gradients = [3.0, -1.0, 0.5]
    for g in gradients:
        mean_square = 0.9 * mean_square + 0.1 * g**2
        expected.append(-1e-3 * g / (np.sqrt(mean_square) + 1e-7))
    assert updates(RECIPES["original"], gradients) == pytest.approx(expected, rel=1e-5)
    original = RECIPES["original"]
    assert (original.input, original.kl_weight) == ("power", 1.0)
    assert (original.spread_weight, original.overdrive_weight) == (0.0, 0.0)


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe("log", "adam", 0.01, warmup_share=0.1, decay=True)
    # Adam moves by the learning rate when the gradient stays the same.
    moves = -np.array(updates(recipe, [1.0] * 100))
    assert moves[0] == pytest.approx(0.0, abs=1e-9)
    assert np.all(np.diff(moves[:11]) > 0)
    assert moves[10] == pytest.approx(0.01, rel=1e-3)
    assert np.all(np.diff(moves[10:]) < 0)
    assert moves[-1] < 1e-4


def test_long_gradients_are_shortened():
    sgd_like = Recipe("log", "adam", 0.01, clip_norm=1.0)
    plain = Recipe("log", "adam", 0.01)
    # Adam forgets a constant factor; a single long gradient among short ones stays long in it.
    gradients = [1.0, 1000.0, 1.0, 1.0]
    assert updates(sgd_like, gradients)[3] == pytest.approx(-0.01, rel=1e-3)
    assert abs(updates(plain, gradients)[3]) < 0.9 * 0.01


def test_parts_of_the_loss_come_in_slowly():
    recipe = Recipe(
        "log",
        "adam",
        0.01,
        kl_weight=2.0,
        kl_warmup_share=0.5,
        spread_weight=3.0,
        spread_warmup_share=1.0,
        listen_weight=8.0,
        listen_warmup_share=0.25,
    )
    weights = [recipe.weights_at(step, 100) for step in (0, 25, 50, 100)]
    assert [float(w.kl) for w in weights] == pytest.approx([0.0, 1.0, 2.0, 2.0])
    assert [float(w.spread_loss) for w in weights] == pytest.approx([0.0, 0.75, 1.5, 3.0])
    assert [float(w.heard) for w in weights] == pytest.approx([0.0, 8.0, 8.0, 8.0])
    at_once = Recipe("log", "adam", 0.01, kl_weight=2.0, spread_weight=3.0).weights_at(0, 100)
    assert (float(at_once.kl), float(at_once.spread_loss)) == (2.0, 3.0)


def test_recipes_are_found_by_name():
    assert find_recipe("original", "dnn") is RECIPES["original"]
    assert find_recipe("default") is RECIPES["default"]
    # The DNN diverges at the others' rate.
    rate = find_recipe("default", "dnn").learning_rate
    assert rate == pytest.approx(0.1 * RECIPES["default"].learning_rate)
    with pytest.raises(
        SettingsError, match="recipe 'best': unknown; choose one of default, original, listen"
    ):
        find_recipe("best")
