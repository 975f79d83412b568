"""The networks: encoders, the regressor, and what they say of sounds."""
