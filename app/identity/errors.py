"""Why a write of staff, devices, clients or tokens is refused."""

from app.platform.errors import InvalidInput, Path


class BeyondReach(InvalidInput):
    """Nobody gives more than they have: a role with permissions, or places, that the caller lacks."""

    def __init__(self, what: str, *, path: Path = ()) -> None:
        super().__init__(f"You cannot give {what} beyond your own.", path=path)


class LastOwner(InvalidInput):
    """The shop would be left without anybody who may do everything everywhere."""

    def __init__(self, *, path: Path = ()) -> None:
        super().__init__("This is the last owner who works everywhere: make another first.", path=path)
