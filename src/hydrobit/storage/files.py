"""Files that are written once, and whole and on the disk from then on; and secret ones, who can reach them."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_once(path: Path, content: bytes) -> bytes:
    """What the file holds: `content`, unless it was there before. It is its owner's alone, and durable with its name.

    Several processes that make one at the same moment all get the same, and nobody ever reads half of it.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first; its content counts
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync(path.parent)
    return path.read_bytes()


def sync(path: Path) -> None:
    """Makes durable what a file holds, or which names a folder has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_open_to_others(status: os.stat_result) -> bool:
    """Whether others than its owner can reach a secret file.

    Where we are another user, root may hand it to our group: so a mounted secret comes, which we cannot own.
    """
    is_handed = status.st_uid == 0 != os.geteuid()
    return bool(status.st_mode & (0o037 if is_handed else 0o077))
