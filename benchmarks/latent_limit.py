"""How small can the error of a mapping be, whatever the encoder?

    python benchmarks/latent_limit.py

Parameters drawn at random are independent of each other, so a latent space of fewer dimensions
cannot hold them all, however well a sound is heard. Here no encoder is needed: every example's
point in the latent space is moved freely until one dense sigmoid layer comes nearest to its
parameters. What is left is a limit of the architecture (as near as gradient descent with restarts
finds it, and on the very examples it was fitted to), against which the test error of a trained
model can be held.
"""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp
import numpy as np
import optax

from timbremap_runtime.core.types import PARAMETER_MAX

N_EXAMPLES = 3600
ROUNDS, STEPS = 12, 500


def main() -> None:
    """Print the least error for four and for nine parameters."""
    parser = argparse.ArgumentParser(description="Least error of a latent space.")
    parser.add_argument("--latent-size", type=int, default=3, help="m")
    parser.add_argument("--restarts", type=int, default=3)
    args = parser.parse_args()
    for n in (4, 9):
        errors = [fit(n, args.latent_size, seed) for seed in range(args.restarts)]
        print(
            f"{n} parameters from {args.latent_size} controls: mean squared error"
            f" {min(errors):.0f} at best ({', '.join(f'{e:.0f}' for e in errors)});"
            f" {(PARAMETER_MAX + 1) ** 2 / 12:.0f} is always answering with the mean"
        )


def fit(n: int, m: int, seed: int) -> float:
    """Fit points and layer to N_EXAMPLES random settings; return the mean squared error."""
    true = jnp.asarray(np.random.default_rng(seed).integers(0, 128, (N_EXAMPLES, n)), jnp.float32)
    keys = jax.random.split(jax.random.key(seed), 2 + ROUNDS)
    state = {
        "z": jax.random.normal(keys[0], (N_EXAMPLES, m)),
        "w": 2.0 * jax.random.normal(keys[1], (m, n)),
        "b": jnp.zeros(n),
    }

    def errors(state: dict[str, jax.Array]) -> jax.Array:
        predicted = PARAMETER_MAX * jax.nn.sigmoid(state["z"] @ state["w"] + state["b"])
        return jnp.mean((predicted - true) ** 2, axis=-1)

    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, ROUNDS * STEPS))
    optimizer_state = optimizer.init(state)

    @jax.jit
    def descend(state: dict[str, jax.Array], optimizer_state: optax.OptState):
        def step(carry, _):
            state, optimizer_state = carry
            gradient = jax.grad(lambda s: errors(s).mean())(state)
            gradient["z"] = gradient["z"] * N_EXAMPLES / 100
            update, optimizer_state = optimizer.update(gradient, optimizer_state)
            return (optax.apply_updates(state, update), optimizer_state), None

        return jax.lax.scan(step, (state, optimizer_state), None, length=STEPS)[0]

    @jax.jit
    def jump(state: dict[str, jax.Array], key: jax.Array) -> dict[str, jax.Array]:
        """Move each point to another one's place where that is better: out of local minima."""
        z, best = state["z"], errors(state)
        for draw in jax.random.split(key, 30):
            candidate = jax.random.permutation(draw, state["z"])
            error = errors({**state, "z": candidate})
            z = jnp.where((error < best)[:, None], candidate, z)
            best = jnp.minimum(error, best)
        return {**state, "z": z}

    for i in range(ROUNDS):
        state, optimizer_state = descend(state, optimizer_state)
        if i < ROUNDS - 3:
            state = jump(state, keys[2 + i])
    return float(errors(state).mean())


if __name__ == "__main__":
    main()
