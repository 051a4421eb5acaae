"""`hydrobit copy`: a whole installation moves between stores, in any direction, interrupted or not, and never mixes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import httpx
import pytest

from hydrobit import app
from hydrobit.demo import company as demo
from hydrobit.errors import StoreError
from hydrobit.storage import copying, directory, stores
from hydrobit.storage.copying import Copying
from hydrobit.storage.engine import Transaction
from hydrobit.storage.migrate import migrate
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import books, buckets, engines
from tests.callers import Caller, record_id
from tests.commands import hydrobit, printed
from tests.forks import Forked
from tests.installations import Played, clone, contents, empty_tables, play
from tests.servers import running

DIRECTIONS = [(source, target) for source in engines.ENGINES for target in engines.ENGINES]
KILLED = ((SQLITE, POSTGRES), (POSTGRES, SQLITE))
KILLS_MAX = 3
STEPS_MAX = 9
COPY_S_MAX = 60

Installation = Callable[[str], Path]


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """Each test says which engine is on which side."""
    with engines.chosen(SQLITE):
        yield SQLITE


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """The same day on each engine."""
    found = {}
    for engine in engines.ENGINES:
        with engines.chosen(engine):
            found[engine] = play(tmp_path_factory.mktemp("played") / engine)
    return found


@pytest.fixture
def source(played: dict[str, Played], tmp_path: Path) -> Installation:
    return lambda engine: clone(played[engine], tmp_path / "source")


def fresh(engine: str, path: Path) -> Path:
    with engines.chosen(engine):
        engines.url_of(path)
    return path


def url(data: Path) -> str:
    return engines.url_of(data) or f"sqlite://{data}"


def words(source: Path, target: Path) -> list[str]:
    return [
        *("copy", "--from", url(source), "--to", url(target)),
        *("--from-data", str(source), "--to-data", str(target)),
    ]


def refused(*given: str | Path) -> str:
    done = hydrobit(*given)
    assert (done.returncode, done.stdout) == (1, ""), done
    (sentence,) = done.stderr.splitlines()
    return sentence


@pytest.mark.parametrize(("ours", "theirs"), DIRECTIONS)
def test_a_whole_installation_moves_and_goes_on(
    source: Installation, played: dict[str, Played], tmp_path: Path, ours: str, theirs: str
) -> None:
    here, there = source(ours), fresh(theirs, tmp_path / "target")
    before = contents(here)
    assert not empty_tables(before), "nothing proves that an empty table is copied"
    told = printed(*words(here, there))
    assert "3 photos and media, 2 keys" in told
    assert contents(there) == before
    assert all(line in told for line in books.verify(there).splitlines()[:-1])

    day = played[ours]
    with running(there) as server, Caller(server, token=day.token) as admin:
        again = admin.count(day.session_id, "evt_1", units=2.5, idempotencyKey="key_1")
        assert (again.status_code, record_id(again)) == (200, day.record_id)
        ids = {line.record_id for line in books.lines(there)}
        assert admin.counted(day.session_id, "evt_new") not in ids
        assert admin.get(day.photo_url).content == day.photo
    books.verify(there)


@pytest.mark.parametrize(("ours", "theirs"), KILLED)
def test_a_copy_that_is_killed_goes_on_and_ends_equal(
    source: Installation, tmp_path: Path, ours: str, theirs: str
) -> None:
    here, there = source(ours), fresh(theirs, tmp_path / "target")
    before, seed = contents(here), Random(f"{ours} {theirs}")
    left_half = 0
    for number in range(KILLS_MAX):  # the first one early: on a busy machine late kills may all come too late
        steps = seed.randrange(1, STEPS_MAX) if number else 1
        left_half += killed_after_steps(words(here, there), there, steps)
    told = printed(*words(here, there))
    assert left_half, "no kill met a copy on its way"
    assert contents(there) == before
    assert "went on where an earlier copy had stopped" in told or "was copied to" in told
    assert "was copied to" in printed(*words(here, there)), "a repeat finds nothing left to do"


def killed_after_steps(command: list[str], target: Path, steps: int) -> bool:
    """Kills a copy once its mark has moved so often, and says whether that left half a copy."""
    with open(os.devnull, "w") as nowhere:
        process = Forked("hydrobit", command, engines.clean_environment(Path()), nowhere.fileno())
    seen: set[str | None] = set()
    deadline = time.monotonic() + COPY_S_MAX
    with process:
        try:
            while process.poll() is None and len(seen) <= steps:
                assert time.monotonic() < deadline
                seen.add(marked(target))
                os.sched_yield()
        finally:
            process.kill()
    return marked(target) is not None


def marked(target: Path) -> str | None:
    """How far a target has come; None before and after a copy."""
    try:
        found = engines.rows(target, "select copied_until from store")
    except Exception:  # there is no file or no table yet
        return None
    return found[0][0] if found else None


def half_copied(source: Path, target: Path) -> None:
    """What a copy leaves that stops after its first page."""

    def stop(rows: int) -> None:
        raise InterruptedError

    directory.prepare(target)
    with engines.opened(source) as ours, engines.opened(target) as theirs:
        theirs.write(migrate, 0)
        moving = Copying(ours, theirs, ("the source", "the target"))
        moving.begin(0, "first")
        with pytest.raises(InterruptedError):
            moving.copy(stop)


@pytest.mark.parametrize("theirs", engines.ENGINES)
def test_half_a_copy_is_no_store_yet(source: Installation, tmp_path: Path, theirs: str) -> None:
    here, there = source(SQLITE), fresh(theirs, tmp_path / "target")
    half_copied(here, there)
    sentence = "a copy into this store is not finished; repeat the same `hydrobit copy`"
    assert sentence in refused("serve", "--port", "0", "--data", there)
    assert sentence in refused("verify", "--data", there)
    assert "is itself a copy that was not finished" in refused(*words(there, fresh(SQLITE, tmp_path / "third")))
    assert "went on where an earlier copy had stopped, after 2 rows" in printed(*words(here, there))


@pytest.mark.parametrize("theirs", engines.ENGINES)
def test_two_installations_never_mix(
    source: Installation, played: dict[str, Played], tmp_path: Path, theirs: str
) -> None:
    here = source(SQLITE)
    full = clone(played[theirs], tmp_path / "full")
    before = contents(full)
    assert "holds another installation already (company, " in refused(*words(here, full))
    assert contents(full) == before

    half, other = fresh(theirs, tmp_path / "half"), clone(played[POSTGRES], tmp_path / "other")
    half_copied(other, half)
    assert "holds an unfinished copy of another store" in refused(*words(here, half))
    with running(here):
        """Nothing of what was refused has shut the source."""


@pytest.mark.parametrize("ours", engines.ENGINES)
def test_a_source_that_a_server_runs_on_is_refused(source: Installation, tmp_path: Path, ours: str) -> None:
    here, there = source(ours), fresh(SQLITE, tmp_path / "target")
    with running(here) as server, Caller(server) as admin:
        sentence = refused(*words(here, there))
        assert "another server runs on" in sentence or "stop the servers and commands that use it" in sentence
        assert admin.counted(admin.opened(), "evt_goes_on")


@pytest.mark.parametrize("ours", engines.ENGINES)
def test_nobody_writes_into_a_source_any_more_until_it_is_opened_again(
    source: Installation, tmp_path: Path, ours: str
) -> None:
    here, there = source(ours), fresh(SQLITE, tmp_path / "target")
    prefixes = engines.rows(here, "select prefix from head order by company")
    printed(*words(here, there))
    assert "the store was moved elsewhere by `hydrobit copy`" in refused("serve", "--port", "0", "--data", here)
    for command in (
        ["company", "add", "one_more", "One More"],
        ["user", "add", "one_more", "One More", "--company", demo.COMPANY, "--role", "viewer"],
    ):
        assert "the store was moved elsewhere by `hydrobit copy`" in refused(*command, "--data", here)
    assert "was moved elsewhere already" in refused(*words(here, fresh(SQLITE, tmp_path / "second")))

    printed("copy", "--give-up", "--from", url(here))
    with running(here) as server, Caller(server) as admin:
        assert admin.counted(admin.opened(), "evt_goes_on")
    renewed = engines.rows(here, "select prefix from head order by company")
    assert not set(renewed) & set(prefixes), "ids of both sides must differ from here on"
    books.verify(here)


def test_a_node_that_still_runs_is_told_to_wait_while_its_store_is_moved(source: Installation, tmp_path: Path) -> None:
    here, there = source(POSTGRES), fresh(SQLITE, tmp_path / "target")
    with running(here) as server, Caller(server) as admin:
        session_id = admin.opened()
        half_copied(here, there)
        assert admin.count(session_id, "evt_meanwhile").status_code == 503
        assert admin.session(session_id)["status"] == "open"
        with engines.opened(here) as store:
            assert store.write(copying.give_up, 0, begin_life)
        admin.counted(session_id, "evt_meanwhile")
    assert "holds an unfinished copy of another store, or of one that was opened again" in refused(*words(here, there))


def begin_life(tx: Transaction, now: int) -> None:
    app.begin_life(tx, now, os.urandom)


def test_a_node_that_comes_back_to_a_source_that_was_given_up_gives_no_id_of_the_copy(
    source: Installation, tmp_path: Path
) -> None:
    """It had lost its connections, so that the copy did not see it; nor was the source told that the copy is whole."""
    here, there = source(POSTGRES), fresh(POSTGRES, tmp_path / "target")
    with running(here) as server, Caller(server) as admin:
        session_id = admin.opened()
        with engines.opened(here) as ours, engines.opened(directory.prepare(there)) as theirs:
            theirs.write(migrate, 0)
            moving = Copying(ours, theirs, ("the source", "the target"))
            moving.begin(0, "first")
            moving.copy(lambda rows: None)
            moving.finish(0)
            engines.write(here, "update store set moved_at = null")
            ours.write(copying.give_up, 0, begin_life)
        given = admin.counted(session_id, "evt_after")
    prefixes = {f"{prefix:08x}" for (prefix,) in engines.rows(there, "select prefix from head")}
    assert given.removeprefix("rec_")[:8] not in prefixes


def test_keys_that_differ_are_refused_before_anything_is_changed(
    source: Installation, played: dict[str, Played], tmp_path: Path
) -> None:
    here, there = source(SQLITE), fresh(SQLITE, tmp_path / "target")
    signing = there / directory.SIGNING_KEY
    signing.parent.mkdir(parents=True)
    signing.write_bytes((played[POSTGRES].data / directory.SIGNING_KEY).read_bytes())
    assert "is another key than" in refused(*words(here, there))
    with running(here):
        """It was not shut."""


def test_a_database_takes_over_with_the_folders_where_they_are(
    source: Installation, played: dict[str, Played], tmp_path: Path
) -> None:
    """The fewest words: keys and photos stay, and a server goes on in the same directory, over the database."""
    here, there = source(SQLITE), fresh(POSTGRES, tmp_path / "database")
    told = printed("copy", "--from", f"sqlite://{here / directory.DATABASE}", "--to", url(there))
    assert "photos and media stay where they are, 0 keys" in told
    assert "hydrobit@" not in told, "no user or password is printed"
    engines.settle(here, url(there))
    with running(here) as server:
        assert (
            httpx.get(f"{server.address}{played[SQLITE].photo_url}", trust_env=False, verify=False).status_code == 200
        )


def test_a_damaged_photo_stops_the_copy_and_a_missing_one_is_named(source: Installation, tmp_path: Path) -> None:
    here, there = source(SQLITE), fresh(SQLITE, tmp_path / "target")
    named = engines.rows(here, "select place from object where names > 0 order by place")
    first, second = (here / directory.OBJECTS / place for (place,) in named)
    content = first.read_bytes()
    first.write_bytes(content[:-1] + b"?")
    second.unlink()
    assert "is damaged: its bytes are not the ones that were kept" in refused(*words(here, there))
    first.write_bytes(content)
    done = hydrobit(*words(here, there))
    assert done.returncode == 0
    assert f"{second.relative_to(here / directory.OBJECTS)} is named but not in" in done.stderr
    assert "2 photos and media" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--from", "mysql://host/db", "--to", "sqlite:///tmp/x"], "mysql: is no store"),
        (["--from", "sqlite://host/x", "--to", "sqlite:///tmp/x"], "names no directory"),
        (["--from", "sqlite:///nowhere/at/all"], "there is no store in /nowhere/at/all"),
    ],
)
def test_what_names_no_store_is_said_in_a_sentence(given: list[str], said: str) -> None:
    assert said in refused("copy", *given)


def test_a_target_must_be_named_and_be_another_one(source: Installation) -> None:
    here = source(SQLITE)
    assert "--to is missing" in refused("copy", "--from", url(here))
    assert "name the same store" in refused("copy", "--from", url(here), "--to", f"sqlite:///{here}")


def test_a_target_that_differs_in_one_value_is_found(source: Installation, tmp_path: Path) -> None:
    here, there = source(SQLITE), fresh(POSTGRES, tmp_path / "target")
    directory.prepare(there)
    with (
        closing(stores.open_store(engines.settings(here))) as ours,
        closing(stores.open_store(engines.settings(there))) as theirs,
    ):
        theirs.write(migrate, 0)
        moving = Copying(ours, theirs, ("the source", "the target"))
        moving.begin(0, "first")
        moving.copy(lambda rows: None)
        moving.compare(lambda rows: None)
        engines.write(there, "update worker set notes = 'other' where worker_no = 1 and company = 1")
        with pytest.raises(StoreError, match="other rows than the source in worker"):
            moving.compare(lambda rows: None)
        engines.write(there, "delete from template_option where place = 1")
        with pytest.raises(StoreError, match="another number of rows than the source in template_option"):
            moving.compare(lambda rows: None)


def test_photos_go_to_where_a_url_says(source: Installation, played: dict[str, Played], tmp_path: Path) -> None:
    here, there, bucket = source(SQLITE), fresh(SQLITE, tmp_path / "target"), buckets.server().add_bucket()
    variables = buckets.server().variables(bucket)
    told = hydrobit(*words(here, there), "--to-objects", bucket, environment=variables | {"HYDROBIT_OBJECTS_URL": ""})
    assert "3 photos and media" in told.stdout, told.stderr
    assert len(buckets.server().held(bucket)) == 3
    with running(there, environment=variables) as server:
        shown = httpx.get(f"{server.address}{played[SQLITE].photo_url}", trust_env=False, verify=False)
        assert shown.content == played[SQLITE].photo
    assert not list((there / directory.OBJECTS).glob("*"))
