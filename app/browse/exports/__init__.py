"""Bulk exports: products, stock, orders and customers as files, each true at one position of the feed."""
