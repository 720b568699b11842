"""Hypothesis strategies: objects from our own schemas, and ways to spoil them."""
