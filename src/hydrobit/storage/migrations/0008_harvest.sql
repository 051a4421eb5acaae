-- What is told of a session's harvest beside its terms: the last entry of kind 10 that names a field says it.
-- The plate and the driver's name stand in `personal`; `qualities` is canonical JSON, its units in millionths.
create table session_description (
    company integer not null,
    session_no integer not null,
    unit_id text,
    lot_code text,
    plate_digest blob,
    driver_digest blob,
    qualities text,
    qualities_at integer,
    primary key (company, session_no)
) strict, without rowid;

-- Sessions of a span of days, for all that is read by day.
create index session_of_day on session (company, day, session_no);
