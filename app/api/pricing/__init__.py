"""Prices, price lists and taxes in the API."""
