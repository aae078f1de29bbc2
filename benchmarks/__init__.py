"""Measurements: `make bench` starts a shop of its own, asks it what clients ask, and prints one JSON line a figure."""
