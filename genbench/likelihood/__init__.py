"""Numerics of likelihoods: enumeration, annealed importance sampling, and what they bound."""
