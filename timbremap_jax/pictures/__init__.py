"""Pictures of a model: its errors and its latent space."""
