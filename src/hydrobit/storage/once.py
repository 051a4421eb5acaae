"""Files that are written once: several processes that make one at the same moment all get the same."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_once(path: Path, content: bytes) -> bytes:
    """What the file holds: `content`, for its owner alone and on the disk, unless it was there before."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):  # another process was first; its content counts
                os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_bytes()
