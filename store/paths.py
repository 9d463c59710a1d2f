"""Names every place below the data folder. Does not know what is written into them."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from store.errors import StoreError
from store.ids import new_id

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder (`docs/architecture.md`); everything in it is private to its owner."""

    root: Path

    def __init__(self, root: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "root", Path(root).absolute())

    def create(self) -> DataFolder:
        """Make the folder and its subfolders, mode 0700, and return it. Raises StoreError where it cannot be."""
        try:
            for folder in (self.root, self.journal, self.artifacts, self.jobs, self.run):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise StoreError(f"The data folder {self.root} cannot be made: {error.strerror}.") from error
        return self

    @property
    def journal(self) -> Path:
        """Folder of the journal's segments."""
        return self.root / "journal"

    @property
    def log(self) -> Path:
        """The log's hot DuckDB file."""
        return self.root / "log.duckdb"

    @property
    def months(self) -> Path:
        """Folder of the log's sealed months."""
        return self.root / "log"

    @property
    def cache(self) -> Path:
        """Folder of what may be emptied at any time."""
        return self.root / "cache"

    @property
    def control(self) -> Path:
        """The SQLite file."""
        return self.root / "control.sqlite"

    @property
    def artifacts(self) -> Path:
        """Folder of trainsets, students and bases."""
        return self.root / "artifacts"

    @property
    def jobs(self) -> Path:
        """Folder of the jobs' working folders."""
        return self.root / "jobs"

    @property
    def erasing(self) -> Path:
        """Folder of the subjects of erasures under way, in clear; each file goes when its erasure ends."""
        return self.root / "erasing"

    @property
    def token(self) -> Path:
        """File of the admin API's bearer token."""
        return self.root / "admin.token"

    @property
    def salt_file(self) -> Path:
        """File of the salt for hashes of credentials."""
        return self.root / "salt"

    @property
    def stop_file(self) -> Path:
        """While this file exists no student answers anything."""
        return self.root / "STOP"

    @property
    def prices(self) -> Path:
        """A copy of the price table that wins over the one installed."""
        return self.root / "prices.json"

    @property
    def run(self) -> Path:
        """Folder of pid files, ports and locks."""
        return self.root / "run"

    def owns(self, path: Path) -> bool:
        """Tell whether a path is the folder, or a file of its own; another file that lies below it is not."""
        ours = {
            *(self.journal, self.log, self.months, self.cache, self.control, self.artifacts, self.jobs),
            *(self.erasing, self.token, self.salt_file, self.stop_file, self.run, self.root / "logs"),
        }
        names = {own.name for own in ours}
        beside = {
            f"{file.name}{end}" for file in (self.log, self.control) for end in ("-shm", "-wal", ".wal")
        }
        root, place = self.root.resolve(), path.resolve()
        if root not in place.parents:
            return place == root
        return place.relative_to(root).parts[0] in names | beside

    def salt(self) -> bytes:
        """Return the salt (32 bytes), made on first use. Raises StoreError where it can be neither read nor made."""
        return bytes.fromhex(_secret(self.salt_file))

    def admin_token(self) -> str:
        """Return the admin token (64 hex digits), made on first use. Raises StoreError as `salt` does."""
        return _secret(self.token)


def _secret(path: Path) -> str:
    """Read the secret, making it first where there is none; processes that race agree on one."""
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_text().strip()
    except OSError as error:
        raise StoreError(f"The file {path} can be neither read nor made: {error.strerror}.") from error


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{new_id()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its secret is the one
    finally:
        draft.unlink(missing_ok=True)
