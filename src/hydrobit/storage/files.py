"""Files that are written once, and whole and on the disk from then on."""

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
