"""Projects and sectors over HTTP: who reads what, what an admin changes, and what the audit log says of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from tests.callers import ADMIN_PROJECTS, PROJECTS, Caller, add_people, read_store, refusal
from tests.servers import RunningServer, running

Json = dict[str, Any]

SQUARE = [[-99.134, 19.432], [-99.132, 19.432], [-99.132, 19.434], [-99.134, 19.434], [-99.134, 19.432]]
BOWTIE = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]
SECTORS = f"{ADMIN_PROJECTS}/{demo.PROJECT}/sectors"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of these tests alone: they change what the demo company is."""
    with running(tmp_path_factory.mktemp("projects") / "data") as started:
        add_people(started.data)
        yield started


def polygon(ring: Any) -> Json:
    return {"type": "Polygon", "coordinates": [ring]}


def feature(sector_id: str | None, ring: Any = SQUARE, **properties: Any) -> Json:
    said = properties if sector_id is None else {"sectorId": sector_id, **properties}
    return {"type": "Feature", "properties": said, "geometry": None if ring is None else polygon(ring)}


def add(caller: Caller, project_id: str, **changes: Any) -> httpx.Response:
    body = {"auth0Id": caller.user, "projectId": project_id, "projectName": "Huerta", "timezone": "America/Lima"}
    return caller.post(ADMIN_PROJECTS, json=body | changes)


def change(caller: Caller, path: str, **changes: Any) -> httpx.Response:
    return caller.patch(f"{ADMIN_PROJECTS}/{path}", json={"auth0Id": caller.user} | changes)


def sector(caller: Caller, sector_id: str, project_id: str = demo.PROJECT, **changes: Any) -> httpx.Response:
    body = {"auth0Id": caller.user, "sectorId": sector_id, "sector_name": "Lote"} | changes
    return caller.post(f"{ADMIN_PROJECTS}/{project_id}/sectors", json=body)


def send_file(caller: Caller, *features: Json, project_id: str = demo.PROJECT, **changes: Any) -> httpx.Response:
    collection = {"type": "FeatureCollection", "features": list(features)}
    body = {"auth0Id": caller.user, "geojson": collection} | changes
    return caller.post(f"{ADMIN_PROJECTS}/{project_id}/import", json=body)


def projects(caller: Caller, **query: str) -> dict[str, Json]:
    """The caller's projects by id."""
    answer = caller.get(PROJECTS, params={"auth0Id": caller.user} | query)
    assert answer.status_code == 200, answer.text
    return {project["projectId"]: project for project in answer.json()["data"]}


def sectors(caller: Caller, project_id: str = demo.PROJECT) -> dict[str, Json]:
    answer = caller.get(f"{PROJECTS}/{project_id}/sectors", params={"auth0Id": caller.user})
    assert answer.status_code == 200, answer.text
    return {one["sectorId"]: one for one in answer.json()["data"]}


def audited(server: RunningServer, subject: str) -> list[tuple[str, str, Json | None, Json | None]]:
    """Who did what to a thing, with before and after, oldest first."""
    rows = read_store(
        server.data,
        "select a.actor, a.action, b.text, n.text from audit a "
        "left join personal b on b.company = a.company and b.digest = a.before_digest "
        "left join personal n on n.company = a.company and n.digest = a.after_digest "
        "where a.subject = ? order by a.company, a.audit_no",
        subject=subject,
    )
    return [
        (who, what, before and json.loads(before), after and json.loads(after)) for who, what, before, after in rows
    ]


# Reading


def test_the_demo_project_is_listed_with_its_sectors_and_boundaries(viewer: Caller) -> None:
    project = projects(viewer, companyId=demo.COMPANY)[demo.PROJECT]
    assert (project["companyId"], project["projectName"]) == (demo.COMPANY, "Rancho San Pedro")
    assert (project["timezone"], project["samplingUnit"], project["pricePerUnit"]) == (
        "America/Mexico_City",
        "box",
        5.5,
    )
    assert project["boundary"]["type"] == "Polygon"
    assert [sector["sector_name"] for sector in project["sectors"]] == [
        f"Lote {block}-{n}" for block in "AB" for n in range(1, 5)
    ]
    first, second, *_, split = project["sectors"]
    assert (first["sectorId"], first["sector_name"], first["crop"]) == ("sector_001", "Lote A-1", "Blueberry")
    assert (second["boundary"]["type"], split["boundary"]["type"]) == ("Polygon", "MultiPolygon")
    assert list(sectors(viewer).values()) == project["sectors"]


def test_another_companys_id_is_refused(admin: Caller) -> None:
    for company in (demo.OTHER_COMPANY, "comp_0"):
        answer = admin.get(PROJECTS, params={"auth0Id": admin.user, "companyId": company})
        refusal(answer, 403, "other_company")


def test_everyone_sees_their_own_projects_alone(admin: Caller, neighbour: Caller) -> None:
    assert demo.PROJECT in projects(admin)
    assert list(projects(neighbour)) == [demo.OTHER_PROJECT]
    answer = neighbour.get(f"{PROJECTS}/{demo.PROJECT}/sectors", params={"auth0Id": neighbour.user})
    refusal(answer, 404, "project_not_found")


# Projects


def test_a_project_is_added_once_and_its_defaults_are_a_sessions(server: RunningServer, admin: Caller) -> None:
    given: Json = {
        "samplingUnit": "crate",
        "pricePerUnit": 1.25,
        "bonus": {"type": "percent", "value": 10},
        "maxDurationHours": 8,
        "boundary": polygon(SQUARE),
    }
    answers = [add(admin, "proj_new", **given) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    refusal(add(admin, "proj_new", **given | {"pricePerUnit": 2}), 409, "id_taken")
    assert sector(admin, "sector_new", "proj_new").status_code == 201
    session = admin.session(admin.opened(projectId="proj_new", sectorId="sector_new"))
    assert (session["samplingUnit"], session["pricePerUnit"], session["timezone"]) == ("crate", 1.25, "America/Lima")
    assert (session["bonus"], session["maxDurationHours"]) == ({"type": "percent", "value": 10}, 8)
    ((who, what, before, after),) = audited(server, "proj_new")
    assert (who, what, before) == (demo.ADMIN, "project.add", None)
    assert after is not None
    assert after["price"] == 1_250_000


def test_a_project_without_more_gets_the_usual_values(admin: Caller) -> None:
    data = add(admin, "proj_plain").json()["data"]
    assert (data["samplingUnit"], data["pricePerUnit"], data["maxDurationHours"]) == ("box", 0, 12)
    assert "boundary" not in data


def test_only_what_is_sent_is_changed_and_each_change_is_audited_once(server: RunningServer, admin: Caller) -> None:
    add(admin, "proj_change", pricePerUnit=3, boundary=polygon(SQUARE))
    first = change(admin, "proj_change", pricePerUnit=4)
    assert first.json()["data"]["pricePerUnit"] == 4
    assert first.json()["data"]["boundary"] == polygon(SQUARE)
    assert change(admin, "proj_change", pricePerUnit=4).json() == first.json()
    lines = audited(server, "proj_change")
    assert [what for _, what, _, _ in lines] == ["project.add", "project.change"]
    _, _, before, after = lines[1]
    assert before is not None
    assert after is not None
    assert (before["price"], after["price"]) == (3_000_000, 4_000_000)


def test_a_change_of_nothing_and_of_an_unknown_project_are_refused(admin: Caller) -> None:
    refusal(change(admin, demo.PROJECT), 400, "nothing_to_change")
    refusal(change(admin, "proj_0", pricePerUnit=1), 404, "project_not_found")
    refusal(change(admin, demo.PROJECT, timezone="Mars/North"), 400, "invalid_value")
    refusal(change(admin, demo.PROJECT, maxDurationHours=73), 400, "invalid_value")


def test_a_disabled_project_opens_no_session_and_loses_none(server: RunningServer, admin: Caller) -> None:
    add(admin, "proj_off")
    sector(admin, "sector_off", "proj_off")
    place = {"projectId": "proj_off", "sectorId": "sector_off"}
    session_id = admin.opened(**place)
    assert change(admin, "proj_off", disabled=True).json()["data"]["disabled"] is True
    assert "proj_off" not in projects(admin)
    refusal(admin.open(**place), 404, "project_not_found")
    admin.counted(session_id, "evt_1", units=3)
    assert admin.session(session_id)["totalUnits"] == 3
    refusal(add(admin, "proj_off"), 409, "id_taken")
    change(admin, "proj_off", disabled=False)
    assert admin.opened(**place)
    assert [what for _, what, _, _ in audited(server, "proj_off")][1:] == ["project.disable", "project.enable"]


# Sectors


def test_a_sector_is_added_once_with_its_crop_and_boundary(admin: Caller) -> None:
    given: Json = {"crop": "Blueberry", "variety": "Biloxi", "boundary": polygon(SQUARE)}
    answers = [sector(admin, "sector_010", **given) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    wanted = {"sectorId": "sector_010", "sector_name": "Lote", **given}
    assert answers[0].json()["data"] == answers[1].json()["data"] == sectors(admin)["sector_010"] == wanted
    refusal(sector(admin, "sector_010", crop="Raspberry"), 409, "id_taken")
    refusal(sector(admin, "sector_011", "proj_0"), 404, "project_not_found")


def test_a_disabled_sector_is_found_no_more(admin: Caller) -> None:
    sector(admin, "sector_020")
    path = f"{demo.PROJECT}/sectors/sector_020"
    assert change(admin, path, variety="Legacy").json()["data"]["variety"] == "Legacy"
    change(admin, path, disabled=True)
    assert "sector_020" not in sectors(admin)
    refusal(admin.open(sectorId="sector_020"), 404, "sector_not_found")
    change(admin, path, disabled=False)
    assert "sector_020" in sectors(admin)


def test_a_sector_is_changed_through_its_own_project_alone(admin: Caller) -> None:
    add(admin, "proj_two")
    refusal(change(admin, "proj_two/sectors/sector_001", crop="Fig"), 404, "sector_not_found")


def test_a_supervisor_and_a_viewer_change_nothing(supervisor: Caller, viewer: Caller) -> None:
    for caller in (supervisor, viewer):
        refusal(add(caller, "proj_theirs"), 403, "role_forbidden")
        refusal(change(caller, demo.PROJECT, pricePerUnit=9), 403, "role_forbidden")
        refusal(send_file(caller, feature("sector_theirs")), 403, "role_forbidden")


# Boundaries


@pytest.mark.parametrize(
    ("boundary", "code", "said"),
    [
        (polygon(BOWTIE), "invalid_value", "boundary crosses or overlaps itself near -99.133 19.433"),
        (polygon(SQUARE[:-1]), "invalid_value", "not closed"),
        (polygon([SQUARE[0]] * 5), "invalid_value", "not a sound area"),
        (polygon([[y, x] for x, y in SQUARE]), "invalid_value", "longitude comes first"),
        (polygon([[0, 0], [0.01, 0], [0.01, 0.01], [0, 0]]), "invalid_value", "the sea at 0,0"),
        (polygon([SQUARE[0]] * 10_001), "invalid_value", "at most 10000 points"),
        ({"type": "Point", "coordinates": SQUARE[0]}, "invalid_value", "not Point"),
        ({"type": "Polygon", "coordinates": []} | {"x": "y" * 1_100_000}, "invalid_value", "at most 1048576 bytes"),
        ("POLYGON ((0 0))", "wrong_type", "boundary must be an object"),
        ([SQUARE], "wrong_type", "boundary must be an object"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_a_bad_boundary_is_refused_and_nothing_is_stored(
    server: RunningServer, admin: Caller, boundary: object, code: str, said: str
) -> None:
    for answer in (
        add(admin, "proj_bad", boundary=boundary),
        change(admin, demo.PROJECT, boundary=boundary),
        sector(admin, "sector_bad", boundary=boundary),
        change(admin, f"{demo.PROJECT}/sectors/sector_001", boundary=boundary),
    ):
        body = refusal(answer, 400, code)
        assert said in body["error"]
        assert body["field"] == "boundary"
    assert "proj_bad" not in projects(admin)
    assert "sector_bad" not in sectors(admin)
    assert audited(server, "sector_bad") == audited(server, "proj_bad") == []


# Files


def test_a_file_adds_what_is_new_changes_what_is_other_and_leaves_the_rest(
    server: RunningServer, admin: Caller
) -> None:
    three = [feature(f"lot_{number}", sector_name=f"Lot {number}", crop="Fig") for number in (1, 2, 3)]
    assert send_file(admin, *three).json()["data"] == {
        "dryRun": False,
        "added": ["lot_1", "lot_2", "lot_3"],
        "changed": [],
        "unchanged": [],
    }
    three[1] = feature("lot_2", [[x + 0.01, y] for x, y in SQUARE])  # silent on its name and crop
    done = send_file(admin, *three, feature("lot_4", None)).json()["data"]
    assert (done["added"], done["changed"], done["unchanged"]) == (["lot_4"], ["lot_2"], ["lot_1", "lot_3"])
    found = sectors(admin)
    assert (found["lot_2"]["sector_name"], found["lot_2"]["crop"]) == ("Lot 2", "Fig")
    assert found["lot_2"]["boundary"]["coordinates"][0][0] == [-99.124, 19.432]
    assert "boundary" not in found["lot_4"]
    assert [what for _, what, _, _ in audited(server, "lot_2")] == ["sector.add", "sector.change"]
    assert [what for _, what, _, _ in audited(server, "lot_1")] == ["sector.add"]


def test_a_dry_run_says_the_same_and_stores_nothing(server: RunningServer, admin: Caller) -> None:
    done = send_file(admin, feature("lot_dry"), dryRun=True).json()["data"]
    assert (done["dryRun"], done["added"]) == (True, ["lot_dry"])
    assert "lot_dry" not in sectors(admin)
    assert audited(server, "lot_dry") == []


def test_one_bad_feature_keeps_all_out_and_every_bad_one_is_named(server: RunningServer, admin: Caller) -> None:
    answer = send_file(
        admin,
        feature("lot_good"),
        feature("lot_bow", BOWTIE),
        feature(None),
        feature("lot_open", SQUARE[:-1]),
        feature("lot_good", [[x + 0.01, y] for x, y in SQUARE]),
        {"type": "Feature", "id": 7, "properties": {"crop": ["Fig"]}, "geometry": None},
    )
    said = refusal(answer, 400, "invalid_value")["error"]
    for part in (
        "Nothing of the 6 features was stored",
        "feature 2 (lot_bow): crosses or overlaps itself",
        "feature 3: has neither the property sectorId nor an id",
        "feature 4 (lot_open): has a ring that is not closed",
        "feature 6: has a crop that is no text",
        "the sectorId lot_good stands 2 times",
    ):
        assert part in said
    assert "lot_good" not in sectors(admin)


def test_sectors_of_another_project_and_disabled_ones_are_named(admin: Caller) -> None:
    add(admin, "proj_three")
    sector(admin, "lot_off", "proj_three")
    change(admin, "proj_three/sectors/lot_off", disabled=True)
    answer = send_file(admin, feature("lot_fine"), feature("sector_001"), feature("lot_off"), project_id="proj_three")
    said = refusal(answer, 409, "id_taken")["error"]
    assert "sector_001 (of proj_123), lot_off (disabled)" in said
    assert sectors(admin, "proj_three") == {}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "FeatureCollection"},
        {"type": "FeatureCollection", "features": []},
        {"type": "FeatureCollection", "features": {}},
        {"type": "FeatureCollection", "features": [1, None]},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": [1], "id": "a"}]},
        polygon(SQUARE),
        {"type": "FeatureCollection", "features": [feature("a")], "crs": {"properties": {"name": "EPSG:32614"}}},
        {"type": "FeatureCollection", "features": [feature(f"lot_{number}", None) for number in range(1_001)]},
    ],
    ids=["empty", "no features", "none", "object", "numbers", "properties", "bare", "utm", "too many"],
)
def test_a_document_that_holds_no_sectors_is_refused(admin: Caller, document: Json) -> None:
    refusal(send_file(admin, geojson=document), 400, "invalid_value")


def test_a_large_file_is_taken_and_one_over_the_limit_is_not(admin: Caller) -> None:
    from math import cos, pi, sin

    add(admin, "proj_large")
    circle = [[-98 + cos(2 * pi * step / 300) / 100, 19 + sin(2 * pi * step / 300) / 100] for step in range(300)]
    features = [feature(f"large_{number}", [*circle, circle[0]]) for number in range(500)]
    assert len(send_file(admin, *features, project_id="proj_large").json()["data"]["added"]) == 500
    assert len(sectors(admin, "proj_large")) == 500
    answer = send_file(admin, feature("large_0", None, crop="x" * 8 * 1024 * 1024), project_id="proj_large")
    refusal(answer, 413, "body_too_large")


# The command line


@pytest.fixture
def data(server: RunningServer) -> Path:
    return server.data


def test_a_ranch_is_set_up_by_commands_beside_a_running_server(
    server: RunningServer, admin: Caller, data: Path, tmp_path: Path
) -> None:
    from tests.commands import printed
    from tests.integration.test_command_line import refusal as refused

    ranch, lots = tmp_path / "ranch.geojson", tmp_path / "lots.geojson"
    ranch.write_text(json.dumps({"type": "FeatureCollection", "features": [feature("any")]}), "utf-8-sig")
    lots.write_text(json.dumps({"type": "FeatureCollection", "features": [feature("cli_1"), feature("cli_2")]}))
    company = ("--company", demo.COMPANY, "--data", data)
    new = ("proj_cli", "Huerta Norte", "--timezone", "America/Lima", "--price", "1.25", "--bonus", "10%")
    assert printed("project", "add", *new, "--boundary", ranch, *company) == "added project proj_cli"
    assert printed("project", "change", "proj_cli", "--price", "1.5", "--hours", "9", *company)
    of_project = ("--project", "proj_cli", *company)
    assert "dry run" in printed("sector", "import", lots, "--dry-run", *of_project)
    assert printed("sector", "import", lots, *of_project) == "2 added, 0 changed, 0 unchanged"
    assert printed("sector", "import", lots, *of_project) == "0 added, 0 changed, 2 unchanged"
    printed("sector", "add", "cli_3", "Three", "--crop", "Fig", *of_project)
    printed("sector", "disable", "cli_1", *of_project)
    assert printed("sector", "change", "cli_2", "--name", "Two", "--crop", "Olive", *of_project)
    lots_now = [json.loads(line) for line in printed("sector", "list", *of_project, "--json").splitlines()]
    assert [(one["sectorId"], one["crop"], one["disabled"]) for one in lots_now] == [
        ("cli_1", None, True),
        ("cli_2", "Olive", False),
        ("cli_3", "Fig", False),
    ]
    project = projects(admin)["proj_cli"]
    assert (project["pricePerUnit"], project["maxDurationHours"], project["bonus"]["value"]) == (1.5, 9, 10)
    assert project["boundary"] == polygon(SQUARE)
    assert [one["sectorId"] for one in project["sectors"]] == ["cli_2", "cli_3"]
    assert {who for who, _, _, _ in audited(server, "proj_cli")} == {"operator"}
    printed("project", "disable", "proj_cli", *company)
    assert "proj_cli" not in projects(admin)
    found = [json.loads(line) for line in printed("project", "list", *company, "--json").splitlines()]
    assert {one["projectId"]: one["disabled"] for one in found}["proj_cli"] is True
    printed("project", "enable", "proj_cli", *company)
    assert "proj_cli" in projects(admin)

    lots.write_bytes(b"\xff\xfe not json")
    assert "lots.geojson: The file is not GeoJSON in UTF-8" in refused("sector", "import", lots, *of_project)
    assert "cannot be read: No such file" in refused("sector", "import", tmp_path / "none", *of_project)
    lots.write_text(json.dumps({"type": "FeatureCollection", "features": [feature("x", BOWTIE)]}))
    assert "feature 1 (x): crosses or overlaps itself" in refused("sector", "import", lots, *of_project)
    assert "--bonus" in refused("project", "change", "proj_cli", "--bonus", "ten", *company)
    assert "Send at least one field" in refused("project", "change", "proj_cli", *company)
