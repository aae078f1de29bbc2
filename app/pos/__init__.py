"""Tills: registers and the devices at them."""
