"""From an instrument to arrays: patches, rendering, features, data sets. No JAX here."""
