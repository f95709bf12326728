"""Benchmarks and ablation studies of small vision networks."""

__version__ = "0.1.0"
