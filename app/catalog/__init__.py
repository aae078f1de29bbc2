"""What is sold: products, variants, options, media, categories, collections, publication, import."""
