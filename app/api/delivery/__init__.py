"""Delivery methods in the API."""
