"""Throughput on the published workloads: our engines beside the pure-Python books that PyPI offers."""
