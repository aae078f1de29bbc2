"""Feira: one GraphQL API as the single source of truth for price, stock, cart and order."""
