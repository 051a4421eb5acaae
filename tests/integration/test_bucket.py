"""Photos in a bucket: kept under its prefix, missed for a while, refused with a sentence, and no credential is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from hydrobit.errors import SettingError, StoreError
from hydrobit.objects import service as objects
from hydrobit.settings import Settings, load
from hydrobit.storage.objects import open_objects
from hydrobit.storage.queries import SQLITE
from tests import buckets, engines
from tests.callers import Caller, person, refusal
from tests.commands import hydrobit
from tests.embedded import ADMIN, MovedClock, running
from tests.integration.test_photos import data_url, picture
from tests.servers import running as serving

AWAY = {"HYDROBIT_OBJECTS_AWAY_S_MAX": "1"}


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """Where objects are kept does not depend on the engine; test_photos and test_form_media are about both."""
    with engines.chosen(SQLITE), buckets.chosen():
        yield SQLITE


def in_a_bucket(folder: Path) -> Settings:
    """Of somebody with little patience."""
    return Settings(folder, objects_url=buckets.url_of(folder), objects_away_s_max=1)


def log_of(data: Path) -> str:
    return (data.parent / f"{data.name}.log").read_text()


def test_photos_lie_under_the_prefix_and_a_bucket_that_is_away_is_told_and_comes_back(tmp_path: Path) -> None:
    data, s3 = tmp_path / "data", buckets.server()
    url = buckets.url_of(data)
    with (
        serving(data, environment=AWAY) as server,
        Caller(server) as admin,
        httpx.Client(base_url=server.address, trust_env=False, verify=False, timeout=30) as fetched,
    ):
        first = admin.registered(first_name="Kept", last_name="One", photo=data_url(picture()))
        assert len(s3.held(url)) == 1
        assert not any((data / "objects").rglob("*")) if (data / "objects").exists() else True
        s3.stop()
        away = admin.register(first_name="Missed", last_name="One", photo=data_url(picture(size=(50, 50))))
        assert refusal(away, 503, "unavailable")
        assert int(away.headers["retry-after"]) >= 1
        missed = fetched.get(first["photo_url"])
        assert (missed.status_code, missed.json()["code"]) == (503, "unavailable")
        assert admin.counted(admin.opened(), "evt-while-away")
        s3.go_on()
        assert admin.registered(first_name="Missed", last_name="One", photo=data_url(picture(size=(50, 50))))
        assert fetched.get(first["photo_url"]).status_code == 200
        assert server.stop() == 0
    assert "cannot be reached" in log_of(data)
    assert s3.secret not in log_of(data)
    assert s3.key_id not in log_of(data)


@contextmanager
def refused(data: Path, **changes: str) -> Iterator[str]:
    """What a server says that does not start; no credential is in it."""
    variables = buckets.server().variables(buckets.url_of(data)) | changes
    done = hydrobit("serve", "--port", "0", "--data", data, environment=variables)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    for told in (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], "<Error>"):
        assert told not in done.stderr
    yield done.stderr


def test_a_bucket_that_refuses_keeps_a_server_from_starting_and_says_why(tmp_path: Path) -> None:
    with refused(tmp_path / "data", HYDROBIT_OBJECTS_URL="s3://no-such-bucket/x") as told:
        assert "NoSuchBucket" in told
        assert "make the bucket" in told


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("AWS_SECRET_ACCESS_KEY", "quite-another-secret", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS0", "InvalidAccessKeyId"),
    ],
)
async def test_wrong_credentials_are_told_from_each_other_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv(variable, value)
    kept = open_objects(in_a_bucket(tmp_path))
    with pytest.raises(SettingError, match=code) as told:
        await kept.check()
    with pytest.raises(StoreError, match=f"answered {code}") as also:
        await kept.put("1/ab/abc", b"content")
    for error in (told.value, also.value):
        assert value not in f"{error}{error.__cause__}"
        assert buckets.server().key_id not in str(error)
    kept.stop()


async def test_a_bucket_that_cannot_be_reached_at_the_start_does_not_keep_a_server_from_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    kept = open_objects(in_a_bucket(tmp_path))
    await kept.check()
    with pytest.raises(StoreError, match="cannot be reached"):
        await kept.put("1/ab/abc", b"content")
    kept.stop()


async def test_what_nobody_names_is_swept_from_the_bucket_and_nothing_is_ever_there_by_halves(tmp_path: Path) -> None:
    clock, url = MovedClock(), buckets.url_of(tmp_path / "data")
    large = bytes(14 * 1024 * 1024)
    async with running(tmp_path / "data", clock) as house:
        named = await house.call("createWorker", ADMIN, person(first_name="Swept", photo=data_url(picture())))
        assert named.status == 201
        await objects.keep(house.context, ADMIN.company, large, "audio/ogg", clock.now())
        assert len(buckets.server().held(url)) == 2
        clock.forward_hours(25)
        assert await objects.sweep(house.context) == 1
        (left,) = buckets.server().held(url)
        assert named.data["photo_url"].split("/")[3].partition("?")[0] in left


async def test_what_is_named_and_not_there_is_not_found(tmp_path: Path) -> None:
    kept = open_objects(in_a_bucket(tmp_path))
    assert await kept.open("1/ab/gone") is None
    await kept.delete("1/ab/gone")
    kept.stop()


def test_an_endpoint_without_tls_is_for_this_machine_or_a_network_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.ranch.example:9000")
    with pytest.raises(SettingError, match="HYDROBIT_OBJECTS_PLAIN_HTTP"):
        open_objects(in_a_bucket(tmp_path))
    open_objects(replace(in_a_bucket(tmp_path), objects_plain_http=True)).stop()


@pytest.mark.parametrize(
    "url", ["s3://key:secret@photos/x", "s3://photos?x=secret", "https://photos/x", "s3://", "photos"]
)
def test_a_url_that_is_no_bucket_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingError, match="s3://bucket/prefix") as told:
        load({"HYDROBIT_OBJECTS_URL": url})
    assert "secret" not in str(told.value)
