"""Calling others over HTTP: where that may go, and how little of what comes back is believed."""
