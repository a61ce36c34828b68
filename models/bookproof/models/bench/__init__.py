"""Throughput on the published workloads beside the order books of PyPI, and the interleaving checker in figures."""
