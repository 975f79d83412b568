"""JAX on this machine: its devices and its cache of compiled programs."""
