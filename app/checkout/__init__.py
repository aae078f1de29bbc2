"""Checkout: a cart becomes an order, its stock an allocation or a sale, its tenders payments; one transaction."""
