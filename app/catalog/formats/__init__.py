"""Files that products come in: each format reads a stream into the records of `records.py`, and knows no database."""
