"""Bytes outside of the database: photos and media, in a local folder or a bucket, and signed links to them."""

import asyncio
import base64
import hmac
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from hydrobit.errors import SettingError, StoreError
from hydrobit.settings import Settings
from hydrobit.storage import directory, files

if TYPE_CHECKING:
    from obstore import GetResult

log = structlog.get_logger("hydrobit")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHUNK_BYTES = 256 * 1024
KEY_BYTES = 32
PATH = "/objects"
UNFINISHED = "*#*"
"""What the folder's store calls a file until it is whole. The one server of a folder makes none before it opens it, so
those that are there then were left by one that was killed."""
UNFINISHED_S_MAX = 3_600
"""Where several processes share the folder, none takes so long for a file."""
PROBE = "hydrobit.probe"
REQUEST_S_MAX = 60
"""The longest that one request to a bucket may take: 14 MiB over a slow line."""
RETRIES_MAX = 3
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
METADATA = "169.254."
NO_BUCKET = "NoSuchBucket"
NEW_LINE, TOLD_LENGTH_MAX = "\n", 300
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_REMEDY = "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and the rights of the key"
_REMEDIES = {NO_BUCKET: "make the bucket, or correct its name; Hydrobit makes none"}


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
        """Keeps the bytes; they are on the disk or in the bucket when it returns. May run twice. Raises StoreError.

        They go in one piece, so that a bucket never keeps the parts of what was broken off.
        """
        try:
            await obstore.put_async(self._store, place, content, use_multipart=False)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder, place)
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def open(self, place: str) -> AsyncIterator[bytes] | None:
        """The bytes in parts, so that a large object is never whole in memory; None when they are not there.

        Raises StoreError, before the first part or among them.
        """
        try:
            return self._parts(await obstore.get_async(self._store, place))
        except FileNotFoundError as e:
            if _code(e) == NO_BUCKET:
                raise self._failed(e) from None
            return None
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def _parts(self, result: "GetResult") -> AsyncIterator[bytes]:
        try:
            async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def whole(self, place: str) -> bytes | None:
        """The bytes at once, for those who need them so; None where nothing is. Raises StoreError."""
        try:
            return bytes(await (await obstore.get_async(self._store, place)).bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def length(self, place: str) -> int | None:
        """How many bytes lie there; None where nothing is. Raises StoreError."""
        try:
            return (await obstore.head_async(self._store, place))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def delete(self, place: str) -> None:
        """What is not there is deleted already. Raises StoreError."""
        try:
            await obstore.delete_async(self._store, place)
        except FileNotFoundError as e:
            if _code(e) == NO_BUCKET:
                raise self._failed(e) from None
        except (BaseError, OSError) as e:
            raise self._failed(e) from None

    async def check(self) -> None:
        """Writes a few bytes as a server will have to. Raises SettingError where the bucket refuses them.

        One that cannot be reached passes by itself, and does not keep a server from counting meanwhile: it is logged.
        """
        if self._folder is not None:
            return
        try:
            await obstore.put_async(self._store, PROBE, b"hydrobit", use_multipart=False)
        except (BaseError, OSError) as e:
            if _has_no_credentials(e):
                raise SettingError(
                    "HYDROBIT_OBJECTS_URL needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "
                    "where the machine has a role"
                ) from None
            code = _code(e)
            if code is not None:
                raise SettingError(
                    f"the bucket that HYDROBIT_OBJECTS_URL names refuses what is written there ({code}): "
                    f"{_REMEDIES.get(code, _REMEDY)}"
                ) from None
            log.warning("objects cannot be reached", error=str(self._failed(e)))

    def _failed(self, error: Exception) -> StoreError:
        """What is told of an error. A bucket's own words stay out: they may quote whose key was used for what."""
        if self._folder is not None:
            return StoreError(f"the object store failed: {str(error).partition(NEW_LINE)[0][:TOLD_LENGTH_MAX]}")
        code = _code(error)
        return StoreError(f"the object store {'cannot be reached' if code is None else f'answered {code}'}")

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


def open_objects(settings: Settings) -> Objects:
    """The store that a server keeps them in: the bucket that is named, else the folder. Raises SettingError."""
    return _opened(settings, load_or_create_key(directory.links_key(settings)), is_alone=not settings.database_url)


def open_unlinked(settings: Settings) -> Objects:
    """The same for someone who runs alone, gives out no links, and needs no key. Raises SettingError."""
    return _opened(settings, b"", is_alone=True)


def in_memory(public_url: str, link_s: int) -> Objects:
    """A store of its own that is gone with it, and a key of its own for its links."""
    return Objects(MemoryStore(), None, secrets.token_bytes(KEY_BYTES), public_url, link_s)


def _opened(settings: Settings, key: bytes, *, is_alone: bool) -> Objects:
    """`is_alone`: no other process writes into the folder."""
    if settings.objects_url:
        try:
            return Objects(_bucket(settings), None, key, settings.public_url, settings.object_link_s)
        except (BaseError, ValueError) as e:
            raise SettingError(f"HYDROBIT_OBJECTS_URL is {settings.objects_url!r}, which cannot be used: {e}") from e
    folder = settings.data / directory.OBJECTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_unfinished(folder, 0 if is_alone else UNFINISHED_S_MAX)
    return Objects(LocalStore(folder), folder, key, settings.public_url, settings.object_link_s)


def _bucket(settings: Settings) -> ObjectStore:
    """Credentials, region and endpoint come from the environment, under the names that every S3 client reads."""
    url, away_s_max = settings.objects_url, settings.objects_away_s_max
    if not url.startswith("s3://"):  # memory://, which no server is given
        return from_url(url)
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    is_plain = endpoint.startswith("http://")
    if is_plain and not settings.objects_plain_http and not _is_loopback(endpoint):
        raise SettingError(
            "the endpoint of the bucket (AWS_ENDPOINT_URL) begins with http://, so that everyone on the way could read "
            "and change photos: use https://, or set HYDROBIT_OBJECTS_PLAIN_HTTP where the network is your own"
        )
    return from_url(
        url,
        config={"endpoint": endpoint} if endpoint else None,
        client_options={
            "allow_http": is_plain,
            "connect_timeout": timedelta(seconds=max(1, away_s_max // 2)),
            "timeout": timedelta(seconds=REQUEST_S_MAX),
        },
        retry_config={
            "max_retries": RETRIES_MAX,
            "retry_timeout": timedelta(seconds=away_s_max),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
        },
    )


def _is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def _remove_unfinished(folder: Path, age_s: float) -> None:
    """Removes what was left by a process that was killed: where others write too, only what is old enough."""
    before = time.time() - age_s
    for unfinished in folder.rglob(UNFINISHED):
        with suppress(FileNotFoundError):
            if unfinished.stat().st_mtime <= before:
                unfinished.unlink()


def _code(error: Exception) -> str | None:
    """The word by which a bucket refuses, None where it said none or the fault is its own and passes."""
    text = str(error)
    status = _STATUS.search(text)
    code = _CODE.search(text)
    return code[1] if code is not None and status is not None and status[1].startswith("4") else None


def _has_no_credentials(error: Exception) -> bool:
    """True where the last place was asked for them: the machine's own address for its role."""
    return METADATA in str(error)


def load_or_create_key(path: Path) -> bytes:
    """The secret of the links, made for its owner alone when there is none. Several processes get the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = files.write_once(path, secrets.token_bytes(KEY_BYTES))
    status = path.stat()
    if files.is_open_to_others(status):
        raise SettingError(
            f"the key of the links {path} can be reached by others than its owner (mode {status.st_mode & 0o777:04o}): "
            "chmod 600 it if nobody has read it, else remove it, and a new one is made"
        )
    if len(key) != KEY_BYTES:
        raise SettingError(f"the key of the links {path} must have {KEY_BYTES} bytes; remove it, and a new one is made")
    return key


def _sync(folder: Path, place: str) -> None:
    """Makes the file and the names that lead to it durable."""
    file = folder / place
    for path in (file, *(parent for parent in file.parents if parent.is_relative_to(folder))):
        files.sync(path)
