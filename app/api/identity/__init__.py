"""Staff, devices, API clients, tokens and the viewer in the API."""
