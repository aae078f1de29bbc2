"""Orders: what was sold, at which price, in which state."""
