"""What the nodes of one database must have alike: whoever comes with something else is refused, and told what to do."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hydrobit import app
from hydrobit.errors import SettingError
from hydrobit.identity import own_keys
from hydrobit.identity import store as identity
from hydrobit.identity.signing import SigningKey
from hydrobit.settings import Settings
from hydrobit.storage import agreement, directory
from hydrobit.storage.engine import Store
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import engines
from tests.embedded import MovedClock, prepare

CLOCK = MovedClock()


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """A store in a file has one server."""
    with engines.chosen(POSTGRES):
        yield POSTGRES


@pytest.fixture
def first(tmp_path: Path) -> Settings:
    """A node that started before the others."""
    data = tmp_path / "first"
    prepare(data, CLOCK)
    settings = engines.settings(data)
    app.agree(settings, CLOCK)
    return settings


def another(first: Settings, *, copied: bool) -> Settings:
    """A node on another machine: the same database, a data directory of its own, the keys copied or not."""
    data = first.data.parent / "another"
    directory.prepare(data)
    if copied:
        shutil.copytree(first.data / first.keys, data / first.keys)
    return replace(first, data=data)


def kids(settings: Settings) -> list[str]:
    with engines.opened(settings.data) as store:
        return [key.kid for key in store.read(identity.signing_keys) if key.withdrawn_at is None]


def test_a_node_without_the_keys_is_refused_and_makes_none(first: Settings) -> None:
    node = another(first, copied=False)
    with pytest.raises(SettingError, match=r"there is no signing key at .* copy the folder of the keys"):
        app.agree(node, CLOCK)
    assert not (node.data / node.keys).exists()


class Overtaken:
    """A store in which another node of the same folder settles everything as soon as this one first looks."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    def __getattr__(self, name: str) -> Any:
        app.agree(self._settings, CLOCK)
        return getattr(self._store, name)


@pytest.mark.parametrize("what", ["signing key", "links"])
def test_a_node_that_is_overtaken_as_it_starts_takes_what_the_other_one_made(tmp_path: Path, what: str) -> None:
    prepare(tmp_path, CLOCK)
    settings = engines.settings(tmp_path)
    with engines.opened(tmp_path) as store:
        overtaken: Any = Overtaken(store, settings)
        if what == "links":
            agreement.settle(overtaken, settings)
        else:
            own_keys.settle(overtaken, directory.signing_key(settings), CLOCK.now(), is_alone=False)
    assert len(kids(settings)) == 1


def test_a_node_with_a_signing_key_of_its_own_is_refused(first: Settings) -> None:
    node = another(first, copied=True)
    directory.signing_key(node).unlink()
    SigningKey.load_or_create(directory.signing_key(node))
    with pytest.raises(SettingError, match="tokens would count on no other node: copy"):
        app.agree(node, CLOCK)
    assert len(kids(first)) == 1


def test_a_key_of_the_links_that_others_can_reach_is_refused(first: Settings) -> None:
    """Whoever has it opens every photo of every company."""
    directory.links_key(first).chmod(0o640)
    with pytest.raises(SettingError, match=r"of the links .* can be reached by others"):
        app.agree(first, CLOCK)
    directory.links_key(first).chmod(0o600)
    app.agree(first, CLOCK)


def test_a_node_with_another_key_of_the_links_is_refused(first: Settings) -> None:
    node = another(first, copied=True)
    directory.links_key(node).write_bytes(os.urandom(32))
    with pytest.raises(SettingError, match="is not that of this database's other nodes"):
        app.agree(node, CLOCK)
    directory.links_key(node).unlink()
    with pytest.raises(SettingError, match="there is no key of the links"):
        app.agree(node, CLOCK)
    assert not directory.links_key(node).exists()


def test_the_key_of_the_links_cannot_be_told_from_what_the_database_knows(first: Settings) -> None:
    ((known,),) = engines.rows(first.data, "select links_key from store")
    assert bytes.fromhex(known) != directory.links_key(first).read_bytes()


def test_a_node_whose_photos_would_lie_elsewhere_is_refused_until_they_were_moved(first: Settings) -> None:
    node = replace(another(first, copied=True), objects_url="s3://photos/ranch/")
    with pytest.raises(
        SettingError, match=r"are in a folder .*, here they would be in s3://photos/ranch: set HYDROBIT"
    ):
        app.agree(node, CLOCK)
    with pytest.raises(SettingError, match="one folder that all of them mount"):
        app.agree(replace(node, objects_url=""), CLOCK)
    with engines.opened(first.data) as store:
        store.write(agreement.forget_objects)
    app.agree(node, CLOCK)
    with pytest.raises(SettingError, match=r"are in s3://photos/ranch, here they would be in a folder"):
        app.agree(first, CLOCK)


def test_a_folder_that_all_nodes_mount_is_the_same_folder(first: Settings) -> None:
    node = another(first, copied=True)
    (node.data / directory.OBJECTS).symlink_to(first.data / directory.OBJECTS)
    app.agree(node, CLOCK)


def test_a_database_that_was_restored_elsewhere_takes_what_it_finds_there(first: Settings) -> None:
    with engines.opened(first.data) as store:
        store.write(agreement.forget)
    node = another(first, copied=True)
    directory.links_key(node).write_bytes(os.urandom(32))
    app.agree(node, CLOCK)


def test_a_rotation_that_was_killed_half_way_goes_on_with_the_key_it_made(first: Settings) -> None:
    path = directory.signing_key(first)
    begun = SigningKey.load_or_create(path.with_name(own_keys.NEXT))
    with engines.opened(first.data) as store:
        store.write(own_keys._add_and_tell, begun, CLOCK.now(), os.urandom)
        assert own_keys.rotate(store, path, CLOCK.now(), os.urandom).kid == begun.kid
    assert SigningKey.load_or_create(path).kid == begun.kid
    assert len(kids(first)) == 2
    app.agree(first, CLOCK)


def test_the_key_that_signs_is_not_withdrawn_and_one_that_was_starts_no_node(first: Settings) -> None:
    path, node = directory.signing_key(first), another(first, copied=True)
    (old,) = kids(first)
    with engines.opened(first.data) as store:
        with pytest.raises(SettingError, match="rotate"):
            store.write(own_keys.withdraw, old, old, CLOCK.now(), os.urandom)
        with pytest.raises(SettingError, match="there is no signing key nobodys"):
            store.write(own_keys.withdraw, "nobodys", old, CLOCK.now(), os.urandom)
        new = own_keys.rotate(store, path, CLOCK.now(), os.urandom).kid
        store.write(own_keys.withdraw, old, new, CLOCK.now(), os.urandom)
        store.write(own_keys.withdraw, old, new, CLOCK.now(), os.urandom)
    assert kids(first) == [new]
    with pytest.raises(SettingError, match="was withdrawn: copy the present one"):
        app.agree(node, CLOCK)


def test_a_file_has_one_server_whose_key_takes_the_place_of_any_before_it(tmp_path: Path) -> None:
    with engines.chosen(SQLITE):
        data = tmp_path / "data"
        prepare(data, CLOCK)
        settings = engines.settings(data)
        app.agree(settings, CLOCK)
        before = kids(settings)
        directory.signing_key(settings).unlink()
        app.agree(settings, CLOCK)
        assert len(kids(settings)) == 1
        assert kids(settings) != before
