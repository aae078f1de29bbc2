"""Carts in the API."""
