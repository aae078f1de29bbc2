"""Customers, their addresses and groups in the API."""
