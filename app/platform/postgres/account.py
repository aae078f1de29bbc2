"""As whom PostgreSQL runs. It refuses to run as root, so root starts it in a user namespace of its own."""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534

# Nothing of the caller's environment may change the cluster: no locale, no PGOPTIONS, no PGDATA.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@dataclass(frozen=True)
class Account:
    """What to put before a command, or which ids to give it; nothing of both for the calling user."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> Sequence[int] | None:
        """Supplementary groups: none once the ids are given up."""
        return None if self.uid is None else ()

    @property
    def owner(self) -> int:
        """The uid that owns the files of this account."""
        return os.geteuid() if self.uid is None else self.uid

    def own(self, folder: Path) -> None:
        """Give `folder`, and all in it, to this account."""
        if self.uid is None or self.gid is None:
            return
        os.chown(folder, self.uid, self.gid)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Whether this account may read `path`, and enter it when it is a folder."""
        if self.uid is None:
            return os.access(path, os.R_OK | os.X_OK)
        seen = subprocess.run(
            ["test", "-r", path, "-a", "-x", path],
            user=self.uid,
            group=self.gid,
            extra_groups=(),
            cwd="/",
            env=ENVIRONMENT,
        )
        return seen.returncode == 0


def account_for(data: Path) -> Account:
    """The account for the cluster in `data`, which need not exist yet: who owns it, else the one that fits best."""
    if os.geteuid() != 0:
        return Account()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    return Account(prefix=NAMESPACE) if namespaces_work() else Account(uid=NOBODY, gid=NOBODY)


@functools.cache
def namespaces_work() -> bool:
    """Whether this system lets us make a user namespace; some containers do not."""
    if shutil.which(NAMESPACE[0], path=ENVIRONMENT["PATH"]) is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, env=ENVIRONMENT).returncode == 0
