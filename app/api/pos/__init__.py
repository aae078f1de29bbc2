"""Registers in the API."""
