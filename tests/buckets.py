"""An S3 for the tests: moto's server on a free loopback port, and a bucket for each data directory.

It checks signatures, as a real one does: a user of its own has the one key that counts.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.storage.queries import POSTGRES
from tests import engines

REGION = "us-east-1"
PREFIX = "ranch/photos"
EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


class Buckets:
    """One running S3. `stop` and `go_on` take it away and bring it back with all that it holds."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its packages say of each other is not about us
            import boto3
            from moto.server import ThreadedMotoServer
        self._new = ThreadedMotoServer
        self._numbers = count(1)
        self._server: Any = None
        self.port = 0
        self.go_on()
        httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=b"1000000", trust_env=False).raise_for_status()
        first = {"aws_access_key_id": "first", "aws_secret_access_key": "first", "region_name": REGION}
        iam = boto3.client("iam", endpoint_url=self.endpoint, **first)
        iam.create_user(UserName="hydrobit")
        iam.put_user_policy(UserName="hydrobit", PolicyName="all", PolicyDocument=EVERYTHING)
        key = iam.create_access_key(UserName="hydrobit")["AccessKey"]
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        own = {"aws_access_key_id": self.key_id, "aws_secret_access_key": self.secret, "region_name": REGION}
        self.s3 = boto3.client("s3", endpoint_url=self.endpoint, **own)
        httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def go_on(self) -> None:
        self._server = self._new(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()

    def add_bucket(self) -> str:
        """The URL of a new bucket."""
        name = f"bucket-{next(self._numbers)}"
        self.s3.create_bucket(Bucket=name)
        return f"s3://{name}/{PREFIX}"

    def variables(self, url: str, **changes: str) -> dict[str, str]:
        """The environment of a process that keeps its objects at the URL."""
        return {
            "HYDROBIT_OBJECTS_URL": url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        } | changes

    def held(self, url: str) -> list[str]:
        """What a bucket holds under its prefix, besides the probe; fails where a part of something was left."""
        name = url.removeprefix("s3://").partition("/")[0]
        assert not self.s3.list_multipart_uploads(Bucket=name).get("Uploads")
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=name).get("Contents", [])]
        assert all(key.startswith(f"{PREFIX}/") for key in keys), keys
        return [key.removeprefix(f"{PREFIX}/") for key in keys if not key.endswith("hydrobit.probe")]


class _Run:
    """What a run of the tests has started and chosen so far."""

    def __init__(self) -> None:
        self.buckets: Buckets | None = None
        self.is_chosen = False
        self.urls: dict[Path, str] = {}


_RUN = _Run()


def server() -> Buckets:
    """The run's S3, started when it is first asked for; it ends with the process."""
    if _RUN.buckets is None:
        _RUN.buckets = Buckets()
    return _RUN.buckets


def url_of(data: Path) -> str:
    """Where the objects of a data directory are; empty for a folder in it."""
    if data not in _RUN.urls:
        _RUN.urls[data] = server().add_bucket() if _RUN.is_chosen else ""
    return _RUN.urls[data]


def environment(data: Path) -> dict[str, str]:
    """The variables by which another process finds the objects of a data directory."""
    return server().variables(url) if (url := url_of(data)) else {}


@contextmanager
def chosen() -> Iterator[None]:
    """Data directories that are new inside of the block keep their objects in buckets, of this process too."""
    ours = server().variables("")
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update({name: value for name, value in ours.items() if value})
    _RUN.is_chosen = True
    try:
        yield
    finally:
        _RUN.is_chosen = False
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@pytest.fixture(scope="module", params=engines.ENGINES)
def store_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a module on each engine, and on each kind of object store: a folder beside the file, else a bucket."""
    engine: str = request.param
    with engines.chosen(engine):
        if engine == POSTGRES:
            with chosen():
                yield engine
        else:
            yield engine
