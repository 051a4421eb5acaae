-- name: lock_head
-- Whoever writes entries of a company takes this row first. SQLite holds its one write lock already.
-- The head of a store that was moved elsewhere is shut.
select company, prefix, seq, held_number, units, hash, access_no from head where company = :company and shut_at is null
-- engine: postgres
select company, prefix, seq, held_number, units, hash, access_no from head where company = :company and shut_at is null for update

-- name: head
select company, prefix, seq, held_number, units, hash, access_no from head where company = :company

-- name: prefix
select prefix from head where company = :company

-- name: add_head
insert into head (company, prefix, seq, held_number, units, hash)
values (:company, :prefix, 0, 0, 0, :hash)

-- name: move_head
update head set seq = :seq, held_number = :held_number, units = :units, hash = :hash where company = :company

-- name: renew_prefix
-- A restored store gives ids of a new life.
update head set prefix = :prefix where company = :company

-- name: change_access
update head set access_no = access_no + 1 where company = :company

-- name: access_numbers
-- `companies` is a JSON list.
select company, access_no from head where company in (select p.value from json_each(:companies) as p)
order by company
limit 1000000
-- engine: postgres
select company, access_no from head
where company in (select cast(p.value as bigint) from json_array_elements_text(cast(:companies as json)) as p)
order by company
limit 1000000

-- name: companies_with_head
select company from head order by company limit 1000000

-- name: insert_entry
insert into entry (
    entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest,
    facts, hash
) values (
    :entry_id, :company, :seq, :prefix, :kind, :session_no, :worker_id, :client_event_id, :idempotency_key, :units,
    :recorded_at, :received_at, :actor, :source, :name_digest, :sent_at, :device_id, :device_seq, :answers,
    :note_digest, :facts, :hash
)

-- name: insert_plain_entry
-- The usual record: nothing in the last columns.
insert into entry (
    entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, hash
) values (
    :entry_id, :company, :seq, :prefix, :kind, :session_no, :worker_id, :client_event_id, :idempotency_key, :units,
    :recorded_at, :received_at, :actor, :source, :name_digest, :hash
)

-- name: entry_by_seq
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry where entry_id = :entry_id and company = :company

-- name: entry_by_event
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry
where company = :company and session_no = :session_no and client_event_id = :client_event_id and worker_id = :worker_id

-- name: entry_by_key
-- The entry that holds an own key: a record, or a later claim that answers one.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry where company = :company and idempotency_key = :idempotency_key

-- name: entry_by_device
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry where company = :company and device_id = :device_id and device_seq = :device_seq

-- name: void_of
-- The void that answers an entry; there is one at most.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry where company = :company and answers = :answers and kind = 2

-- name: claims_of
-- The own keys that later replays claimed for an entry, oldest first.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry where company = :company and answers = :answers and kind = 6
order by entry_id
limit :page

-- name: session_entries
-- What happened to a session itself. Its records carry an event, so that leaving those out finds the few at once.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts
from entry
where company = :company and session_no = :session_no and client_event_id is null and kind in (3, 4, 5, 10)
order by entry_id
limit 100000000

-- name: openings_after
-- The numbers of the entries that open sessions.
select seq from entry where entry_id > :after and entry_id < :before and kind = 3 order by entry_id limit :page

-- name: session_sums
-- What each worker of a session has under each of their names: net units, records, voids; the latest name last.
select worker_id, name_digest, sum(units), count(*) filter (where kind = 1), count(*) filter (where kind = 2)
from entry
where company = :company and session_no = :session_no and kind in (1, 2) and worker_id is not null
group by worker_id, name_digest
order by worker_id, max(entry_id)
limit 100000000

-- name: session_total
select coalesce(sum(units), 0) from entry where company = :company and session_no = :session_no and kind in (1, 2)

-- name: personal_by_name
select digest from personal where company = :company and subject = :subject and text = :text

-- name: names_of
-- The names under which a worker was ever counted; an erased one is null.
select text from personal where company = :company and subject = :subject order by text nulls first limit :page

-- name: add_personal
insert into personal (company, digest, subject, salt, text) values (:company, :digest, :subject, :salt, :text)

-- name: personal_text
select text from personal where company = :company and digest = :digest

-- name: notes_of_worker
-- Reasons and evidence beside a worker's records and voids, a page at a time through the ledger of the company.
select entry_id, note_digest from entry
where company = :company and entry_id > :after and entry_id < :before and worker_id = :worker_id
    and note_digest is not null
order by entry_id
limit :page

-- name: erase_text
-- What stands behind one digest; the row stays, so that the chain can still be followed.
update personal set salt = null, text = null where company = :company and digest = :digest and text is not null

-- name: erase_names
update personal set salt = null, text = null where company = :company and subject = :subject and text is not null

-- name: entries_after
-- The ledger in order, with links, a page at a time.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, actor, source, name_digest, sent_at, device_id, device_seq, answers, note_digest, facts,
    hash
from entry where entry_id > :after and entry_id < :before
order by entry_id
limit :page

-- name: answered_entry
select kind, session_no, worker_id, units from entry where entry_id = :entry_id

-- name: entry_between
-- The first entry of a stretch of the table that belongs to no company.
select company, seq from entry where entry_id >= :low and entry_id <= :high order by entry_id limit 1

-- name: repeated_event
-- The four below: two entries that share what only one may have. The order of the unique index finds them.
select min(entry_id), max(entry_id) from entry
where company = :company and client_event_id is not null
group by session_no, client_event_id, worker_id having count(*) > 1 limit 1

-- name: repeated_key
select min(entry_id), max(entry_id) from entry
where company = :company and idempotency_key is not null
group by idempotency_key having count(*) > 1 limit 1

-- name: repeated_device_seq
select min(entry_id), max(entry_id) from entry
where company = :company and device_seq is not null
group by device_id, device_seq having count(*) > 1 limit 1

-- name: repeated_void
select min(entry_id), max(entry_id) from entry
where company = :company and answers is not null and kind = 2
group by answers having count(*) > 1 limit 1

-- name: unfound_by_event
-- The four below: an entry that a look-up by its own key does not lead to. They read the table itself, for it is an
-- index that is in question. PostgreSQL's own pg_amcheck holds its indexes against their tables.
select company, seq from entry as e not indexed
where client_event_id is not null and worker_id is not null and e.entry_id <> coalesce((
    select f.entry_id from entry as f
    where f.company = e.company and f.session_no = e.session_no and f.client_event_id = e.client_event_id
        and f.worker_id = e.worker_id
), 0)
order by entry_id limit 1

-- name: unfound_by_key
select company, seq from entry as e not indexed
where idempotency_key is not null and e.entry_id <> coalesce((
    select f.entry_id from entry as f where f.company = e.company and f.idempotency_key = e.idempotency_key
), 0)
order by entry_id limit 1

-- name: unfound_by_device
select company, seq from entry as e not indexed
where device_seq is not null and e.entry_id <> coalesce((
    select f.entry_id from entry as f
    where f.company = e.company and f.device_id = e.device_id and f.device_seq = e.device_seq
), 0)
order by entry_id limit 1

-- name: unfound_by_void
select company, seq from entry as e not indexed
where answers is not null and kind = 2 and e.entry_id <> coalesce((
    select f.entry_id from entry as f where f.company = e.company and f.answers = e.answers and f.kind = 2
), 0)
order by entry_id limit 1

-- name: entry_without_text
-- An entry whose name or note has no row in `personal`, not even an erased one, or that of someone else.
select e.seq
from entry as e
left join personal as n on n.company = e.company and n.digest = e.name_digest
left join personal as t on t.company = e.company and t.digest = e.note_digest
where e.entry_id > :after and e.entry_id < :before and (
    (e.name_digest is not null and (n.subject is null or n.subject <> e.worker_id))
    or (e.note_digest is not null and (t.digest is null or t.subject is not null))
)
order by e.entry_id
limit 1

-- name: descriptions_after
-- What describes sessions: the texts that it names stand as digests in its facts.
select entry_id, facts from entry where entry_id > :after and entry_id < :before and kind = 10
order by entry_id
limit :page

-- name: text_of_nobody
select 1 from personal where company = :company and digest = :digest and subject is null

-- name: personal_after
-- Texts that are not erased; an erased one has neither salt nor text.
select digest, salt, text from personal
where company = :company and digest > :after and (text is not null or salt is not null)
order by digest
limit :page
