"""Bytes outside of the database: photos and media, in a local folder or a bucket, and signed links to them."""

import asyncio
import base64
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from hydrobit.errors import SettingError, StoreError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHUNK_BYTES = 256 * 1024
KEY_BYTES = 32
PATH = "/objects"
UNFINISHED = "*#*"
"""What the folder's store calls a file until it is whole. The one server of a folder makes none before it opens it, so
those that are there then were left by one that was killed."""


class Objects:
    """Puts, gets and deletes bytes by their place, and signs the links by which others fetch them."""

    def __init__(self, store: ObjectStore, folder: Path | None, key: bytes, public_url: str, link_s: int) -> None:
        self._store, self._folder, self._key = store, folder, key
        self._public_url, self._link_s = public_url.rstrip("/"), link_s
        self.one_at_a_time = asyncio.Semaphore(1)
        """Held while a picture is unpacked, so that there is only one in memory."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hydrobit-objects")

    async def on_thread(self, work: Callable[[*Ts], T], /, *args: *Ts) -> T:
        """Runs what would hold up the event loop; one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def put(self, place: str, content: bytes) -> None:
        """Keeps the bytes; they are on the disk or in the bucket when it returns. May run twice. Raises StoreError."""
        try:
            await obstore.put_async(self._store, place, content)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder, place)
        except (BaseError, OSError) as e:
            raise StoreError(f"the object store failed: {e}") from e

    async def chunks(self, place: str) -> AsyncIterator[bytes]:
        """The bytes in parts, so that a large object is never whole in memory. Raises StoreError."""
        try:
            result = await obstore.get_async(self._store, place)
            async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, OSError) as e:
            raise StoreError(f"the object store failed: {e}") from e

    async def whole(self, place: str) -> bytes | None:
        """The bytes at once, for those who need them so; None where nothing is. Raises StoreError."""
        try:
            return bytes(await (await obstore.get_async(self._store, place)).bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise StoreError(f"the object store failed: {e}") from e

    async def length(self, place: str) -> int | None:
        """How many bytes lie there; None where nothing is. Raises StoreError."""
        try:
            return (await obstore.head_async(self._store, place))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise StoreError(f"the object store failed: {e}") from e

    async def delete(self, place: str) -> None:
        """What is not there is deleted already. Raises StoreError."""
        try:
            await obstore.delete_async(self._store, place)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as e:
            raise StoreError(f"the object store failed: {e}") from e

    def link(self, company: int, digest: str, now: int) -> str:
        """The address of an object, good for everyone who has it until it expires."""
        until = now // 1000 + self._link_s
        return (
            f"{self._public_url}{PATH}/{company}/{digest}?until={until}&signature={self._sign(company, digest, until)}"
        )

    def is_signed(self, company: int, digest: str, until: int, signature: str) -> bool:
        """Whether we gave out this link; compared in constant time."""
        return hmac.compare_digest(self._sign(company, digest, until).encode(), signature.encode())

    def stop(self) -> None:
        """Ends its thread."""
        self._thread.shutdown()

    def _sign(self, company: int, digest: str, until: int) -> str:
        signature = hmac.digest(self._key, f"{company}/{digest}/{until}".encode(), "sha256")
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def open_objects(url: str, folder: Path, key_file: Path, public_url: str, link_s: int) -> Objects:
    """The store at a URL (`s3://bucket/prefix`, `memory://`), in the folder where it is empty. Raises SettingError."""
    return _opened(url, folder, load_or_create_key(key_file), public_url, link_s)


def open_unlinked(url: str, folder: Path) -> Objects:
    """The same store for someone who gives out no links, and needs no key. Raises SettingError."""
    return _opened(url, folder, b"", "", 0)


def _opened(url: str, folder: Path, key: bytes, public_url: str, link_s: int) -> Objects:
    if url:
        try:
            return Objects(from_url(url), None, key, public_url, link_s)
        except (BaseError, ValueError) as e:
            raise SettingError(f"HYDROBIT_OBJECTS_URL is {url!r}, which cannot be used: {e}") from e
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for unfinished in folder.rglob(UNFINISHED):
        unfinished.unlink()
    return Objects(LocalStore(folder), folder, key, public_url, link_s)


def load_or_create_key(path: Path) -> bytes:
    """The secret of the links, made for its owner alone when there is none. Several processes get the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its key counts
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise SettingError(f"the key of the links {path} must have {KEY_BYTES} bytes; remove it, and a new one is made")
    return key


def _sync(folder: Path, place: str) -> None:
    """Makes the file and the names that lead to it durable."""
    file = folder / place
    for path in (file, *(parent for parent in file.parents if parent.is_relative_to(folder))):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
