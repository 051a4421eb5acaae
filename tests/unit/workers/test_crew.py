import pytest

from hydrobit.errors import Refused
from hydrobit.workers import crew
from hydrobit.workers.crew import COLUMNS, FILE_BYTES_MAX, LINES_MAX, BadLine, Crew

HEADER = "first_name,last_name,hire_date,position,employment_type"
ANA = "Ana,López,2025-03-15,harvester,seasonal"


def read(*lines: str, header: str = HEADER) -> Crew:
    return crew.read("\n".join([header, *lines]))


def names(found: Crew) -> list[str]:
    return [f"{member.new.first_name} {member.new.last_name}" for member in found.members]


def only_bad(found: Crew) -> BadLine:
    assert found.members == []
    (bad,) = found.bad_lines
    return bad


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        crew.read(text)
    assert caught.value.extra["field"] == "csv"
    return caught.value.detail


def test_a_plain_file_is_read() -> None:
    found = read(ANA, "Luis,Díaz,2024-01-31,packer,full_time")
    assert names(found) == ["Ana López", "Luis Díaz"]
    assert [member.line for member in found.members] == [2, 3]
    assert (found.separator, found.passed_over, found.bad_lines) == (",", [], [])


def test_every_column_has_its_place() -> None:
    header = (
        f"{HEADER},status,phone,email,termination_date,hourly_rate,emergency_contact_name,"
        "emergency_contact_phone,skills,notes"
    )
    assert set(header.split(",")) == set(COLUMNS)
    line = (
        f'{ANA},terminated,+52 55 1234,ana@example.com,2025-11-30,18.5,Jane,+52 1,"irrigation, pruning|weeding","A, b"'
    )
    (member,) = read(line, header=header).members
    new = member.new
    assert (new.status, new.phone, new.email) == ("terminated", "+52 55 1234", "ana@example.com")
    assert (new.termination_date, new.hourly_rate) == ("2025-11-30", 18_500_000)
    assert (new.emergency_contact_name, new.emergency_contact_phone) == ("Jane", "+52 1")
    assert (new.skills, new.notes) == (("irrigation", "pruning", "weeding"), "A, b")


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("nombre;apellidos;fecha_ingreso;puesto;tipo_de_empleo", ";"),
        ("NOMBRE\tApellido\tFecha de Ingreso\tCargo\tTipo de Contrato", "tab"),
        ("First Name,Last-Name,Hire.Date,Job Title,Employment Type", ","),
        ('"Given name","Surname","Start date","Position","employment"', ","),
        ("  nombres ;apellidos; fecha  de contratación ;PUESTO;employment_type", ";"),
    ],
)
def test_columns_are_known_in_two_languages_whatever_the_case_and_the_separator(header: str, separator: str) -> None:
    line = ANA.replace(",", "\t" if separator == "tab" else separator)
    found = read(line, header=header)
    assert names(found) == ["Ana López"]
    assert found.separator == separator


def test_columns_may_stand_in_any_order_and_unknown_ones_are_told() -> None:
    found = read("7,seasonal,harvester,2025-03-15,López,Ana", header="No,employment_type,puesto,hired,surname,nombre")
    assert names(found) == ["Ana López"]
    assert found.passed_over == ["No"]


def test_line_ends_of_every_system_and_blank_lines_are_fine() -> None:
    for end in ("\n", "\r\n", "\r"):
        found = crew.read(end.join([HEADER, "", ANA, " , ,", "Luis,Díaz,2024-01-31,packer,full_time", "", ""]))
        assert [member.line for member in found.members] == [3, 5]


def test_a_file_that_names_its_separator_is_believed() -> None:
    found = crew.read(f"sep=;\r\n{HEADER.replace(',', ';')}\r\n{ANA.replace(',', ';')}\r\n")
    assert [member.line for member in found.members] == [3]


def test_quotes_hold_separators_and_quotes() -> None:
    assert names(read('"Ana ""Nita""","López, Ruiz",2025-03-15,harvester,seasonal')) == ['Ana "Nita" López, Ruiz']


def test_a_quote_that_never_ends_is_refused_with_its_line() -> None:
    assert "from line 3 on" in refusal(f'{HEADER}\n{ANA}\n"Luis,Díaz,2024-01-31,packer,full_time\n{ANA}')


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("\ufeffPeña".encode(), "UTF-8"),
        ("Peña".encode(), "UTF-8"),
        ("Peña".encode("latin-1"), "Windows-1252"),
        ("Peña €".encode("cp1252"), "Windows-1252"),
        ("Peña".encode("utf-16"), "UTF-16"),
    ],
)
def test_the_encoding_is_found_and_told(content: bytes, encoding: str) -> None:
    text, told = crew.decode(content)
    assert text.startswith("Peña")
    assert told == encoding


@pytest.mark.parametrize("content", [b"Ana\x81", b"\xff\xfeA", b"x" * (FILE_BYTES_MAX + 1)])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        crew.decode(content)


def test_a_byte_order_mark_in_the_text_is_no_part_of_the_first_column() -> None:
    assert names(crew.read(f"\ufeff{HEADER}\n{ANA}")) == ["Ana López"]


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        (",López,2025-03-15,harvester,seasonal", "first_name", None),
        ("Ana,López,,harvester,seasonal", "hire_date", None),
        ("Ana,López", "hire_date", None),
        ("Ana,López,2025-02-30,harvester,seasonal", "hire_date", "2025-02-30"),
        ("Ana,López,yesterday,harvester,seasonal", "hire_date", "yesterday"),
        ("Ana,López,1025-02-03,harvester,seasonal", "hire_date", "1025-02-03"),
        (f"{'A' * 201},López,2025-03-15,harvester,seasonal", "first_name", "A" * 60),
        ("Ana\u0007,López,2025-03-15,harvester,seasonal", "first_name", "Ana\u0007"),
        ('"Ana\nMaría",López,2025-03-15,harvester,seasonal', "first_name", "Ana\nMaría"),
        ("Pe\ufffda,López,2025-03-15,harvester,seasonal", "first_name", "Pe\ufffda"),
        ("=1+1,López,2025-03-15,harvester,seasonal", "first_name", "=1+1"),
        ('Ana,"=HYPERLINK(""http://x.example"")",2025-03-15,harvester,seasonal', "last_name", None),
        ("@SUM(A1),López,2025-03-15,harvester,seasonal", "first_name", "@SUM(A1)"),
        ("-2+3,López,2025-03-15,harvester,seasonal", "first_name", "-2+3"),
    ],
)
def test_a_bad_line_is_named_with_its_column_and_value(line: str, column: str, value: str | None) -> None:
    bad = only_bad(read(line))
    assert (bad.line, bad.column) == (2, column)
    assert value is None or bad.value == value
    assert bad.detail.startswith(column)


def test_a_column_is_named_as_the_file_names_it() -> None:
    bad = only_bad(
        read("Ana,López,nunca,harvester,seasonal", header="Nombre,Apellidos,Fecha de Ingreso,Puesto,employment")
    )
    assert bad.column == "Fecha de Ingreso"


def test_a_line_with_more_cells_than_columns_is_bad() -> None:
    bad = only_bad(read(f"{ANA},more"))
    assert (bad.line, bad.column) == (2, None)
    assert "6 cells" in bad.detail
    assert names(read(f"{ANA},,")) == ["Ana López"]


def test_a_bad_line_spoils_no_other() -> None:
    found = read("Ana,López,x,harvester,seasonal", ANA, "Luis,Díaz,y,packer,full_time")
    assert names(found) == ["Ana López"]
    assert [bad.line for bad in found.bad_lines] == [2, 4]


def dates(*cells: str) -> tuple[list[str], list[int]]:
    """The days that were read, and the lines that were not."""
    found = read(*(f"Ana,López {number},{cell},harvester,seasonal" for number, cell in enumerate(cells)))
    return [member.new.hire_date for member in found.members], [bad.line for bad in found.bad_lines]


def test_days_before_months_are_read_where_the_column_proves_the_order() -> None:
    assert dates("03/04/2025", "15/03/2025", "1.2.2024", "2025-12-31") == (
        ["2025-04-03", "2025-03-15", "2024-02-01", "2025-12-31"],
        [],
    )


def test_days_that_could_be_months_are_bad_and_so_are_months_before_days() -> None:
    assert dates("03/04/2025", "2025-12-31") == (["2025-12-31"], [2])
    assert dates("03/15/2025", "04/05/2025") == ([], [2, 3])
    assert dates("15/03/2025", "03/15/2025") == ([], [2, 3])
    assert dates("05/05/2025") == (["2025-05-05"], [])


@pytest.mark.parametrize(
    ("cell", "rate"), [("18", 18_000_000), ("18.5", 18_500_000), ('"18,5"', 18_500_000), ('"18,25"', 18_250_000)]
)
def test_a_rate_has_a_point_or_a_comma(cell: str, rate: int) -> None:
    (member,) = read(f"{ANA},{cell}", header=f"{HEADER},tarifa").members
    assert member.new.hourly_rate == rate


@pytest.mark.parametrize("cell", ['"1,500"', "$18", "18.5.1", "-1", "nan", "1e99", "inf", "1_0", "\uff11\uff18"])
def test_a_rate_that_may_be_read_in_two_ways_is_bad(cell: str) -> None:
    assert only_bad(read(f"{ANA},{cell}", header=f"{HEADER},tarifa")).column == "tarifa"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty file"),
        ("\n\n", "an empty file"),
        ("Ana,López", "first_name, last_name, hire_date, position, employment_type cannot be found"),
        (HEADER.replace(",position", ""), "position cannot be found"),
        (f"{HEADER},nombre", "two columns for first_name, 'first_name' and 'nombre'"),
        (",".join(f"c{number}" for number in range(200)), "at most 100 columns"),
    ],
)
def test_a_file_without_its_columns_is_refused_whole(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_file_has_an_end() -> None:
    assert f"at most {LINES_MAX} lines" in refusal("\n".join([HEADER, *[ANA] * (LINES_MAX + 1)]))
    assert f"at most {FILE_BYTES_MAX} bytes" in refusal("é" * (FILE_BYTES_MAX // 2 + 1))


def test_a_cell_without_an_end_is_refused() -> None:
    assert "cannot be read from line 2 on" in refusal(f"{HEADER}\n{'A' * 200_000},López")
