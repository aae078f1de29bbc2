"""Pages that an operator opens in a browser: files of ours that ask the API, and nobody else."""
