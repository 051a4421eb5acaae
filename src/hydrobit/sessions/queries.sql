-- name: session_by_id
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session where company = :company and session_id = :session_id

-- name: session_by_no
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session where company = :company and session_no = :session_no

-- name: session_by_local_id
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session where company = :company and local_id = :local_id

-- name: session_open_at
-- The session that holds the place of a project, day and sector; closed_at is null until a close is written.
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session
where company = :company and project_id = :project_id and day = :day and sector_id = :sector_id and closed_at is null

-- name: sessions_of_user
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session
where company = :company and opened_by = :user_id and (cast(:day as text) is null or day = :day)
    and (
        cast(:status as text) is null
        or case when closed_at is null and expires_at > :now then 'open' else 'closed' end = :status
    )
order by day desc, session_no desc
limit :page_size offset :first

-- name: count_sessions_of_user
-- Left to itself the planner would read every session of the company.
select count(*)
from session indexed by session_listed
where company = :company and opened_by = :user_id and (cast(:day as text) is null or day = :day)
    and (
        cast(:status as text) is null
        or case when closed_at is null and expires_at > :now then 'open' else 'closed' end = :status
    )

-- name: sessions_of_days
-- The next ones of a span of days, by day and number.
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session
where company = :company and day >= :first_day and day <= :last_day
    and (day > :after_day or session_no > :after_no)
    and (cast(:project_id as text) is null or project_id = :project_id)
    and (cast(:sector_id as text) is null or sector_id = :sector_id)
order by day, session_no
limit :most

-- name: company_with_expired
select company from session where closed_at is null and expires_at <= :now order by company limit 1

-- name: expired_session
select company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest, closed_at, closed_by, closed_reason,
    closed_seq, final_note_digest
from session
where company = :company and closed_at is null and expires_at <= :now
order by expires_at, session_no
limit 1

-- name: insert_session
insert into session (
    company, session_no, session_id, local_id, project_id, sector_id, sector_name, timezone, day, opened_at,
    opened_received_at, opened_by, max_duration_hours, expires_at, note_digest
) values (
    :company, :session_no, :session_id, :local_id, :project_id, :sector_id, :sector_name, :timezone, :day, :opened_at,
    :opened_received_at, :opened_by, :max_duration_hours, :expires_at, :note_digest
)

-- name: close_session
update session
set closed_at = :closed_at, closed_by = :closed_by, closed_reason = :closed_reason, closed_seq = :closed_seq,
    final_note_digest = :final_note_digest
where company = :company and session_no = :session_no

-- name: set_length
-- A longer length also lifts the close that its end had brought.
update session
set max_duration_hours = :max_duration_hours, expires_at = :expires_at, closed_at = null, closed_by = null,
    closed_reason = null, closed_seq = null, final_note_digest = null
where company = :company and session_no = :session_no

-- name: set_note
update session set note_digest = :note_digest where company = :company and session_no = :session_no

-- name: add_writer
insert into session_writer (company, session_no, user_id, from_at, until_at)
values (:company, :session_no, :user_id, :from_at, null)

-- name: standing
-- What a writer must know of a session: its number, its end, whether this user may write into it now, and whether
-- counts of it are held.
select session_no, closed_at, expires_at, exists (
    select 1 from session_writer as w
    where w.company = session.company and w.session_no = session.session_no and w.user_id = :user_id
        and w.from_at <= :now and (w.until_at is null or w.until_at > :now)
), exists (select 1 from held as h where h.company = session.company and h.session_no = session.session_no)
from session where company = :company and session_id = :session_id

-- name: standings
-- The same of many at once, with session and user before it; `named` is a JSON list of such pairs.
-- Said as a cross join, each pair looks for its session by the index; else SQLite goes through all that a company has.
select json_extract(p.value, '$[0]'), json_extract(p.value, '$[1]'), s.session_no, s.closed_at, s.expires_at, exists (
    select 1 from session_writer as w
    where w.company = s.company and w.session_no = s.session_no and w.user_id = json_extract(p.value, '$[1]')
        and w.from_at <= :now and (w.until_at is null or w.until_at > :now)
), exists (select 1 from held as h where h.company = s.company and h.session_no = s.session_no)
from json_each(:named) as p
cross join session as s on s.session_id = json_extract(p.value, '$[0]')
where s.company = :company
order by s.session_no
limit 100000
-- engine: postgres
-- Each `limit 1` keeps PostgreSQL at the index: it guesses 100 pairs, and would go through all sessions of a company.
select p.value ->> 0, p.value ->> 1, s.session_no, s.closed_at, s.expires_at, coalesce((
    select true from session_writer as w
    where w.company = s.company and w.session_no = s.session_no and w.user_id = p.value ->> 1
        and w.from_at <= :now and (w.until_at is null or w.until_at > :now)
    limit 1
), false), coalesce((
    select true from held as h where h.company = s.company and h.session_no = s.session_no limit 1
), false)
from json_array_elements(cast(:named as json)) as p
cross join lateral (
    select company, session_no, closed_at, expires_at from session
    where company = :company and session_id = p.value ->> 0
    limit 1
) as s
order by s.session_no
limit 100000

-- name: standing_by_no
select session_no, closed_at, expires_at, exists (
    select 1 from session_writer as w
    where w.company = session.company and w.session_no = session.session_no and w.user_id = :user_id
        and w.from_at <= :now and (w.until_at is null or w.until_at > :now)
), exists (select 1 from held as h where h.company = session.company and h.session_no = session.session_no)
from session where company = :company and session_no = :session_no

-- name: add_terms
insert into session_terms (
    company, session_no, seq, sampling_unit, price, bonus_type, bonus_value, bonus_note, set_by, set_at
) values (
    :company, :session_no, :seq, :sampling_unit, :price, :bonus_type, :bonus_value, :bonus_note, :set_by, :set_at
)

-- name: last_terms
select sampling_unit, price, bonus_type, bonus_value, bonus_note
from session_terms where company = :company and session_no = :session_no
order by seq desc limit 1

-- name: all_terms
-- Every agreement on what a unit is worth, oldest first.
select seq, sampling_unit, price, bonus_type, bonus_value, bonus_note, set_by, set_at
from session_terms where company = :company and session_no = :session_no
order by seq limit 100000000

-- name: description
select unit_id, lot_code, plate_digest, driver_digest, qualities, qualities_at
from session_description where company = :company and session_no = :session_no

-- name: add_description
insert into session_description (
    company, session_no, unit_id, lot_code, plate_digest, driver_digest, qualities, qualities_at
) values (
    :company, :session_no, :unit_id, :lot_code, :plate_digest, :driver_digest, :qualities, :qualities_at
)

-- name: change_description
update session_description
set unit_id = :unit_id, lot_code = :lot_code, plate_digest = :plate_digest, driver_digest = :driver_digest,
    qualities = :qualities, qualities_at = :qualities_at
where company = :company and session_no = :session_no

-- name: writers
select user_id, from_at, until_at from session_writer
where company = :company and session_no = :session_no
order by user_id, from_at limit 100000000

-- name: session_numbers
select session_no from session where company = :company order by session_no limit 100000000

-- name: without_session
-- Terms, a writer or a description of a session that does not exist.
select session_no from session_terms
where company = :company and session_no not in (select session_no from session where company = :company)
union
select session_no from session_writer
where company = :company and session_no not in (select session_no from session where company = :company)
union
select session_no from session_description
where company = :company and session_no not in (select session_no from session where company = :company)
order by session_no limit 1

-- name: count_held
-- What waits for review. What was sent again and counted, after its session was opened again, waits no more.
select count(*)
from held as h
where h.company = :company and h.session_no = :session_no
    and not exists (
        select 1 from entry as e
        where e.company = h.company and e.session_no = h.session_no and e.client_event_id = h.client_event_id
            and e.worker_id = h.worker_id
    )
