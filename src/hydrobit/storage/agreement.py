"""What the nodes of one database must have alike beside it: the secret of links, and the place of photos and media.

The first node that starts says what they are; another one that comes with something else is refused with a sentence.
A store in a file has one server, and asks nothing of this.
"""

import hmac
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from hydrobit.errors import SettingError
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Store, Transaction
from hydrobit.storage.files import write_once
from hydrobit.storage.objects import load_or_create_key
from hydrobit.storage.queries import Query

MARK = "folder.mark"
"""Tells a folder of objects from any other, wherever it is mounted."""
MARK_BYTES = 16

_AGREED = Query(
    "agreed",
    "select links_key, objects_at from store",
    (),
    postgres=Query("agreed", "select links_key, objects_at from store for update", ()),
)
_AGREE = Query("agree", "update store set links_key = ?, objects_at = ?", ("links_key", "objects_at"))
_FORGET = Query("forget", "update store set links_key = null, objects_at = null", ())
_FORGET_OBJECTS = Query("forget_objects", "update store set objects_at = null", ())


def settle(opened: Store, settings: Settings) -> None:
    """Says what this node has, or finds that it has what the others have. Raises SettingError."""
    key_file = directory.links_key(settings)
    # The store first: a node that starts at the same moment makes the file, and then tells the store.
    if opened.write(_agreed)[0] is not None and not key_file.exists():
        raise SettingError(
            f"there is no key of the links at {key_file}, and the other nodes of this database have one: copy the "
            "folder of the keys from one of them (HYDROBIT_KEYS says where it is)"
        )
    opened.write(_settle, _digest(load_or_create_key(key_file)), key_file, _objects_at(settings))


def forget(tx: Transaction) -> None:
    """The next node that starts says anew what all must have: the database was restored somewhere else."""
    tx.run(_FORGET)


def forget_objects(tx: Transaction) -> None:
    """The same for photos and media alone: they were moved."""
    tx.run(_FORGET_OBJECTS)


def _agreed(tx: Transaction) -> tuple[str | None, str | None]:
    row = tx.one(_AGREED)
    return (row[0], row[1]) if row else (None, None)


def _settle(tx: Transaction, links_key: str, key_file: Path, objects_at: str) -> None:
    known_key, known_at = _agreed(tx)
    if known_key not in (None, links_key):
        raise SettingError(
            f"the key of the links {key_file} is not that of this database's other nodes, which would refuse its "
            "links: copy the folder of the keys from one of them (HYDROBIT_KEYS says where it is)"
        )
    if known_at not in (None, objects_at):
        raise SettingError(
            f"photos and media of this database are in {_told(known_at)}, here they would be in {_told(objects_at)}: "
            "set HYDROBIT_OBJECTS_URL as on the other nodes; several nodes need a bucket, or one folder that all of "
            "them mount; where you have copied them all, say so once with `hydrobit migrate --moved-objects`"
        )
    if (known_key, known_at) != (links_key, objects_at):
        tx.run(_AGREE, links_key=links_key, objects_at=objects_at)


def _digest(key: bytes) -> str:
    """Tells one key from another, and nothing of either."""
    return hmac.digest(key, b"hydrobit: which key of the links", "sha256").hex()


def _objects_at(settings: Settings) -> str:
    if settings.objects_url:
        parts = urlsplit(settings.objects_url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    folder = settings.data / directory.OBJECTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = write_once(folder / MARK, secrets.token_hex(MARK_BYTES).encode())
    return f"folder {mark.decode(errors='replace')[: 2 * MARK_BYTES]}"


def _told(objects_at: str | None) -> str:
    """As a sentence has it."""
    return f"a folder (mark {objects_at[7:15]})" if objects_at and objects_at.startswith("folder ") else f"{objects_at}"
