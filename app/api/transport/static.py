"""The files that a page of ours loads: read once, with a version for their address, so that they may be kept."""

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
"""`Cache-Control` of a file whose address has its version."""


class File(NamedTuple):
    body: bytes
    media_type: str


class Files:
    """The scripts, styles and drawings in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def by_name(self) -> dict[str, File]:
        return {
            path.name: File(path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(self._folder.iterdir())
            if path.suffix in _TYPES
        }

    @cached_property
    def version(self) -> str:
        """Another one whenever a file is another."""
        return blake2b(b"".join(file.body for file in self.by_name.values()), digest_size=6).hexdigest()
