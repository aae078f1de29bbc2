"""Vendure from npm on the stand's PostgreSQL: installed, filled with the stand's catalog, served, and asked."""
