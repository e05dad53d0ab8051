"""Distributions whose density is known, and generators at a known distance from them."""
