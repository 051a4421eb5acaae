"""Photos of workers: kept, shown by a signed link, refused when they are none; and nobody waits meanwhile."""

import base64
import gzip
import json
import os
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from hydrobit.objects import pictures
from hydrobit.objects import service as objects
from hydrobit.objects.pictures import PICTURE_BYTES_MAX
from hydrobit.operation import Call, Source
from hydrobit.storage.queries import SQLITE
from hydrobit.wire.body import Body
from hydrobit.wire.workers import WorkerInput
from hydrobit.workers.operations import create_worker
from tests.buckets import store_engine as store_engine
from tests.callers import Caller, person, read_store, refusal
from tests.embedded import ADMIN, House, MovedClock, running
from tests.gaps import watched
from tests.servers import RunningServer
from tests.tools import alone_on

NOISE_ROWS = 500
GAP_MS_MAX = 50
TRIES = 3
"""Other processes share the machine, so the best of so many runs counts."""


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    """Noise, which packs badly; in a high picture the same comes again, further away than any packer looks."""
    (width, height), out = size, BytesIO()
    noise = Image.effect_noise((width, min(height, NOISE_ROWS)), 90).convert("RGB")
    whole = Image.new("RGB", size)
    for upper in range(0, height, NOISE_ROWS):
        whole.paste(noise, (0, upper))
    whole.save(out, kind, **options)
    return out.getvalue()


def data_url(content: bytes, said: str = "image/jpeg") -> str:
    return f"data:{said};base64,{base64.b64encode(content).decode()}"


def padded(length: int) -> bytes:
    """A whole JPEG with so many bytes: what stands after its end is passed over by every decoder."""
    content = picture()
    return content + bytes(length - len(content))


@pytest.fixture
def fetched(server: RunningServer) -> Iterator[httpx.Client]:
    """Someone who has nothing but a link."""
    with httpx.Client(base_url=server.address, trust_env=False, verify=False, timeout=30) as client:
        yield client


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_comes_back_by_its_link(admin: Caller, fetched: httpx.Client, kind: str) -> None:
    worker = admin.registered(
        first_name="Photo", last_name=kind, photo=data_url(picture(kind), f"image/{kind.lower()}")
    )
    answer = fetched.get(worker["photo_url"])
    assert answer.status_code == 200, answer.text
    with Image.open(BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (60, 40))
    headers = answer.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("inline; filename=")
    assert int(headers["content-length"]) == len(answer.content)
    assert fetched.get(admin.worker(worker["workerId"]).json()["data"]["photo_url"]).content == answer.content


def test_a_photo_is_turned_upright_and_says_nothing_of_its_place(admin: Caller, fetched: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"  # turned by 90 degrees; a description
    worker = admin.registered(first_name="Turned", last_name="One", photo=data_url(picture(exif=exif)))
    content = fetched.get(worker["photo_url"]).content
    with Image.open(BytesIO(content)) as image:
        assert image.size == (40, 60)
        assert not image.getexif()
    assert b"at home" not in content


def test_a_large_photo_is_kept_smaller(admin: Caller, fetched: httpx.Client) -> None:
    photo = data_url(picture(size=(3_000, 1_500), quality=30))
    worker = admin.registered(first_name="Large", last_name="One", photo=photo)
    with Image.open(BytesIO(fetched.get(worker["photo_url"]).content)) as image:
        assert image.size == (2_048, 1_024)


def test_a_photo_of_12_mib_is_taken_and_one_byte_more_is_not(admin: Caller) -> None:
    most = data_url(padded(PICTURE_BYTES_MAX))
    assert admin.registered(first_name="Most", last_name="One", photo=most)["photo_url"]
    more = admin.register(first_name="More", last_name="One", photo=data_url(padded(PICTURE_BYTES_MAX + 1)))
    assert refusal(more, 400, "invalid_value")["field"] == "photo"
    much = admin.register(first_name="Much", last_name="One", photo=data_url(padded(14 * 1024 * 1024)))
    refusal(much, 413, "body_too_large")


def test_escapes_that_json_allows_are_read(admin: Caller) -> None:
    body = json.dumps(person(first_name="Escaped", last_name="One", photo=data_url(picture(size=(900, 700)))))
    escaped = body.replace("/", "\\/").replace("+", "\\u002b")
    answer = admin.post("/api/control/workers", content=escaped.encode())
    assert answer.status_code == 201, answer.text


def bomb() -> bytes:
    """Few bytes of a PNG that unpack to 900 million pixels: packed rows of zeros, the same ones again and again."""
    side, times = 30_000, 100
    rows = bytes(side // times * (1 + side // 8))  # one byte before each says that it is written as it is
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    check = (len(rows) * times % 65_521 << 16) | 1  # Adler's sum of zeros
    data = b"\x78\x9c" + packed * times + b"\x03\x00" + struct.pack(">I", check)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


BAD: dict[str, Any] = {
    "truncated": lambda: data_url(picture(size=(600, 400))[:-5_000]),
    "truncated png": lambda: data_url(picture("PNG", (600, 400))[:-50_000], "image/png"),
    "truncated webp": lambda: data_url(picture("WEBP", (600, 400))[:-5_000], "image/webp"),
    "fake": lambda: data_url(b"\xff\xd8\xff\xe0" + os.urandom(2_000)),
    "text": lambda: data_url(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
    "nothing": lambda: "data:image/png;base64,",
    "lying": lambda: data_url(picture("PNG"), "image/jpeg"),
    "another format": lambda: data_url(picture("GIF"), "image/png"),
    "a type not taken": lambda: data_url(picture("GIF"), "image/gif"),
    "bomb": lambda: data_url(bomb(), "image/png"),
    "no data url": lambda: "https://example.com/me.jpg",
    "not base64": lambda: "data:image/jpeg;base64,****",
    "cut base64": lambda: data_url(picture())[:-3],
    "goes on": lambda: data_url(picture(size=(601, 400))) + "==" + "A" * 300_000,
    "blanks": lambda: data_url(picture()).replace("A", " A"),
    "percent-encoded": lambda: "data:image/jpeg,%FF%D8",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_refused_by_name_and_nothing_is_kept(server: RunningServer, admin: Caller, kind: str) -> None:
    question = "select (select count(*) from worker), (select count(*) from object), (select count(*) from audit)"
    before = read_store(server.data, question)
    answer = admin.register(first_name="Bad", last_name="One", photo=BAD[kind]())
    assert refusal(answer, 400, "invalid_value")["field"] == "photo"
    assert read_store(server.data, question) == before


def endless() -> bytes:
    """A progressive JPEG whose last scan comes again and again; a decoder goes through all pixels for each."""
    out = BytesIO()
    Image.new("L", (4_000, 4_000), 100).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + scan * (2 * 1024 * 1024 // len(scan)) + whole[-2:]


async def test_a_picture_that_takes_too_long_to_decode_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "ENCODE_CPU_S_MAX", 1)
    async with running(tmp_path / "data", MovedClock()) as house:
        answer = await house.call("createWorker", ADMIN, person(photo=data_url(endless())))
    assert (answer.status, answer.body["field"]) == (400, "photo")
    assert answer.body["error"] == "photo takes more than 1 s of processor time to decode."


@pytest.mark.parametrize("photo", [5, ["x"], {"a": 1}, True])
def test_a_photo_has_to_be_a_text(admin: Caller, photo: object) -> None:
    assert refusal(admin.register(photo=photo), 400, "wrong_type")["field"] == "photo"


def test_a_link_counts_only_as_it_was_given(admin: Caller, neighbour: Caller, fetched: httpx.Client) -> None:
    photo = data_url(picture(size=(61, 40)))
    link = admin.registered(first_name="Linked", last_name="One", photo=photo)["photo_url"]
    path, _, query = link.partition("?")
    until = query.partition("&")[0].removeprefix("until=")
    for spoilt in (
        path,
        f"{path}?until={until}",
        link.replace(f"until={until}", f"until={int(until) + 1}"),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.replace("/objects/1/", "/objects/2/"),
        f"{link}&x=1",
        f"/objects/1/..%2f..%2fhydrobit.db?{query}",
    ):
        assert fetched.get(spoilt).status_code == 404, spoilt
    assert neighbour.registered(first_name="Same", last_name="Photo", photo=photo)["photo_url"].startswith(
        "/objects/2/"
    )


async def test_what_nobody_names_is_swept_after_a_while_and_what_is_named_stays(tmp_path: Path) -> None:
    clock = MovedClock()
    async with running(tmp_path / "data", clock) as house:
        named = await house.call("createWorker", ADMIN, person(photo=data_url(picture())) | {"first_name": "Swept"})
        assert named.status == 201
        lost = await objects.keep(house.context, ADMIN.company, b"lost", "image/jpeg", clock.now())
        assert await objects.sweep(house.context) == 0
        clock.forward_hours(25)
        assert await objects.sweep(house.context) == 1
        assert await house.engine.read(objects.find, ADMIN.company, lost) is None
        assert named.data["photo_url"].split("/")[3].partition("?")[0] != lost
        again = await objects.keep(house.context, ADMIN.company, b"lost", "image/jpeg", clock.now())
        found = await house.engine.read(objects.find, ADMIN.company, again)
        assert found is not None
        parts = await house.objects.open(found.place)
        assert parts is not None
        assert b"".join([part async for part in parts]) == b"lost"


@alone_on(SQLITE, "what is unpacked and decoded has not met the store yet")
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
async def test_the_event_loop_never_waits_for_a_photo(tmp_path: Path, kind: str) -> None:
    size = {"JPEG": (3_400, 2_600), "WEBP": (5_000, 4_000), "PNG": (2_300, 1_600)}[kind]
    options = {"JPEG": {"quality": 97}, "WEBP": {"method": 0, "quality": 50}, "PNG": {"compress_level": 1}}[kind]
    photo = data_url(picture(kind, size, **options), f"image/{kind.lower()}")
    async with running(tmp_path / "data", MovedClock()) as house:
        gaps: list[float] = []
        while len(gaps) < TRIES and not any(
            gap < GAP_MS_MAX for gap in gaps
        ):  # a busy machine may have been the reason
            gaps.append(await longest_gap_ms(house, photo, f"Try {'abc'[len(gaps)]}"))
    assert min(gaps) < GAP_MS_MAX, gaps


async def longest_gap_ms(house: House, photo: str, name: str) -> float:
    """How long the loop stood still while a worker with a photo was read from bytes, decoded and stored."""
    body = json.dumps(person(photo=photo, first_name=name)).encode()
    async with watched() as gaps:
        shape, _ = Body(WorkerInput).decode(body)
        call = Call(ADMIN, shape, {}, {}, Source.http, house.clock.now())
        reply = await create_worker(house.context, call)
    assert reply.status == 201
    return gaps.longest_computed_ms


def test_a_body_is_unpacked_beside_the_event_loop(admin: Caller) -> None:
    body = json.dumps(person(first_name="Packed", last_name="One", photo=data_url(picture(size=(700, 500)))))
    answer = admin.post(
        "/api/control/workers", content=gzip.compress(body.encode()), headers={"content-encoding": "gzip"}
    )
    assert answer.status_code == 201, answer.text
