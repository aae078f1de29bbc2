"""The catalog in the API: products, variants, categories, collections, media."""
