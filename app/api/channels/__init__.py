"""Channels and locations in the API."""
