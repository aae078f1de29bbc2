"""Records of a product file become products: found again, drafted, saved, each bad row told by its line and column."""
