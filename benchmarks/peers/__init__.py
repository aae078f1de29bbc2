"""Other people's shops, installed from their registry and asked what we are asked."""
