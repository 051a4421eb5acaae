"""A data directory: one server at a time, and backups that a restore turns into stores of their own."""

import asyncio
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hydrobit.errors import StoreError, StoreInUse
from hydrobit.ledger import store as ledger
from hydrobit.objects import service as objects
from hydrobit.operation import Context
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.objects import open_objects
from hydrobit.storage.queries import SQLITE
from tests import embedded, engines
from tests.commands import hydrobit
from tests.embedded import ADMIN, BUSY_MS_MAX, MovedClock
from tests.servers import event, opening
from tests.tools import alone_on

OURS = "PostgreSQL is kept by its own programs"

OTHER_DISK = Path("/dev/shm")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with the demo company, whose store no server runs on."""
    embedded.prepare(tmp_path / "data", MovedClock())
    return tmp_path / "data"


def prefixes(data: Path) -> dict[int, int]:
    """The prefix of each company's next ids."""
    with engines.opened(data) as store:
        return {company: store.read(ledger.head, company).prefix for company in store.read(ledger.companies)}


async def serve(data: Path) -> dict[int, int]:
    """Runs a house on the directory once, as a server does, and returns the prefixes it gives ids of."""
    async with embedded.running(data, MovedClock()):
        return prefixes(data)


def test_a_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    made = directory.prepare(tmp_path / "new" / "data")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    directory.prepare(made)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        directory.prepare(tmp_path / "file" / "data")


def test_one_server_at_a_time_holds_a_directory(tmp_path: Path) -> None:
    with directory.lock(tmp_path), pytest.raises(StoreInUse, match="another server"):
        directory.lock(tmp_path)
    directory.lock(tmp_path).close()


async def test_opening_a_store_again_keeps_its_prefixes(data: Path) -> None:
    before = prefixes(data)
    assert await serve(data) == await serve(data) == before


async def test_a_restored_backup_gives_ids_of_its_own(data: Path, tmp_path: Path) -> None:
    before, kept = prefixes(data), engines.back_up(data, tmp_path / "kept")
    restored = await serve(kept)
    assert all(restored[company] != before[company] for company in before)
    assert await serve(kept) == restored, "a restore begins one new life, not one at every start"
    assert await serve(data) == before, "the first store lives on as it was"
    embedded.verify(kept)


async def test_restoring_the_same_backup_twice_gives_different_ids(data: Path, tmp_path: Path) -> None:
    kept = engines.back_up(data, tmp_path / "kept")
    lives = [prefixes(data)]
    for number in range(3):
        lives.append(await serve(engines.copy(kept, tmp_path / str(number))))
    for company in lives[0]:
        assert len({life[company] for life in lives}) == len(lives)


async def test_a_backup_of_a_restored_store_is_a_backup_again(data: Path, tmp_path: Path) -> None:
    first = engines.back_up(data, tmp_path / "first")
    lives = [prefixes(data)[1], (await serve(first))[1]]
    lives.append((await serve(engines.back_up(first, tmp_path / "second")))[1])
    assert len(set(lives)) == 3


@pytest.mark.parametrize("words", [("verify",), ("held", "list"), ("migrate",)], ids=" ".join)
async def test_looking_at_a_backup_leaves_it_one(data: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Else two stores that are restored from it would give the same ids."""
    before, kept = prefixes(data), engines.back_up(data, tmp_path / "kept")
    done = hydrobit(*words, "--data", kept)
    assert done.returncode == 0, done.stderr
    assert prefixes(kept) == before
    assert (await serve(kept))[1] != before[1]


@alone_on(SQLITE, OURS)
def test_a_backup_is_made_only_into_an_empty_directory(data: Path, tmp_path: Path) -> None:
    kept = engines.back_up(data, tmp_path / "kept")
    for target in (kept, data, data / directory.DATABASE):
        with pytest.raises(StoreError, match="not an empty directory"):
            engines.back_up(data, target)
    (tmp_path / "empty").mkdir()
    engines.back_up(data, tmp_path / "empty")


@alone_on(SQLITE, OURS)
def test_a_backup_holds_the_keys_only_when_asked(data: Path, tmp_path: Path) -> None:
    key = data / directory.SIGNING_KEY
    key.parent.mkdir()
    key.write_bytes(b"secret")
    kept = engines.back_up(data, tmp_path / "kept")
    assert [file.name for file in kept.iterdir()] == [directory.DATABASE]
    with closing(directory.open_store(data, busy_ms_max=BUSY_MS_MAX)) as store:
        directory.backup(store, data, tmp_path / "all", keys=(key, data / directory.LINKS_KEY))
    copied = tmp_path / "all" / directory.SIGNING_KEY
    assert (copied.read_bytes(), stat.S_IMODE(copied.stat().st_mode)) == (b"secret", 0o600)


@contextmanager
def in_a_folder(house: embedded.House) -> Iterator[Context]:
    """What units of objects are given, over the house's own folder."""
    kept = open_objects(Settings(house.data))
    try:
        yield replace(house.context, objects=kept)
    finally:
        kept.stop()


def test_what_a_killed_server_left_half_written_is_gone_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "objects" / "1" / "ab"
    folder.mkdir(parents=True)
    (folder / "abcdef-00#1").write_bytes(b"half of it")
    (folder / "abcdef-00").write_bytes(b"whole")
    open_objects(Settings(tmp_path)).stop()
    assert [path.name for path in folder.iterdir()] == ["abcdef-00"]


async def kept_object(context: Context, content: bytes, *, named: bool) -> str:
    """Keeps an object and returns its place."""
    digest = await objects.keep(context, ADMIN.company, content, "image/jpeg", context.clock.now())
    if named:
        await context.engine.write(objects.name, ADMIN.company, digest)
    found = await context.engine.read(objects.find, ADMIN.company, digest)
    assert found is not None
    return found.place


def with_objects(data: Path, target: Path) -> list[str]:
    with closing(directory.open_store(data, busy_ms_max=BUSY_MS_MAX)) as store:
        return directory.backup(store, data, target, named=objects.named_after)


@alone_on(SQLITE, OURS)
async def test_a_backup_holds_the_objects_that_rows_name(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        with in_a_folder(house) as context:
            named = await kept_object(context, b"named", named=True)
            unnamed = await kept_object(context, b"unnamed", named=False)
        assert with_objects(house.data, tmp_path / "kept") == []
        (house.data / directory.OBJECTS / named).unlink()
        assert with_objects(house.data, tmp_path / "less") == [named]
    assert (tmp_path / "kept" / directory.OBJECTS / named).read_bytes() == b"named"
    assert not (tmp_path / "kept" / directory.OBJECTS / unnamed).exists()
    assert (tmp_path / "less" / directory.DATABASE).exists(), "the rest is worth keeping"


@alone_on(SQLITE, OURS)
@pytest.mark.skipif(not OTHER_DISK.is_dir(), reason="all is on one disk here")
async def test_a_backup_on_another_disk_holds_the_same_bytes(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        with in_a_folder(house) as context:
            named = await kept_object(context, b"named", named=True)
        with TemporaryDirectory(dir=OTHER_DISK) as elsewhere:
            assert with_objects(house.data, Path(elsewhere)) == []
            copied = Path(elsewhere) / directory.OBJECTS / named
            assert (copied.read_bytes(), stat.S_IMODE(copied.stat().st_mode)) == (b"named", 0o600)


@alone_on(SQLITE, OURS)
async def test_a_backup_has_all_that_it_names_while_photos_come_and_the_sweep_runs(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / "data", MovedClock(), object_grace_s=1) as house:
        added, stopped, swept = 0, False, 0

        async def add_and_sweep(context: Context) -> None:
            nonlocal added, swept
            while not stopped:
                await kept_object(context, b"%d" % added, named=added % 2 == 0)
                house.clock.forward(2_000)
                swept += await objects.sweep(context)
                added += 1

        with in_a_folder(house) as context:
            adding = asyncio.create_task(add_and_sweep(context))
            for number in range(5):
                assert await asyncio.to_thread(with_objects, house.data, tmp_path / str(number)) == []
            stopped = True
            await adding
    assert swept == added // 2
    for number in range(5):
        with closing(directory.open_store(tmp_path / str(number), busy_ms_max=BUSY_MS_MAX)) as store:
            named = store.read(objects.named_after, (0, ""), 100_000)
        assert all((tmp_path / str(number) / directory.OBJECTS / place).is_file() for _, place in named)


async def test_a_backup_under_load_is_one_moment_of_the_ledger(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        opened = await house.call("createProductionSession", ADMIN, opening())
        session_id, acknowledged, stopped = opened.data["sessionId"], 0, False

        async def count_on(device: int) -> None:
            nonlocal acknowledged
            number = 0
            while not stopped:
                body = event(session_id, f"{device}-{number}")
                answer = await house.call("createProductionRecord", ADMIN, body)
                assert answer.status == 201
                number, acknowledged = number + 1, acknowledged + 1

        phones = [asyncio.create_task(count_on(device)) for device in range(8)]
        for number in range(3):
            before = acknowledged
            kept = await asyncio.to_thread(engines.back_up, house.data, tmp_path / str(number))
            after = acknowledged
            sound = await asyncio.to_thread(embedded.verify, kept)
            assert before + 1 <= sound[0].entries <= after + 1 + len(phones)
            assert sound[0].units == (sound[0].entries - 1) * 1_000_000
        stopped = True
        await asyncio.gather(*phones)
