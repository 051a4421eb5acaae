-- name: lock_head
-- Whoever writes entries of a company takes this row first. SQLite holds its one write lock already.
select company, prefix, seq, held_number, units, hash from head where company = :company

-- name: add_head
insert into head (company, prefix, seq, held_number, units, hash)
values (:company, :prefix, 0, 0, 0, :hash)

-- name: move_head
update head set seq = :seq, held_number = :held_number, units = :units, hash = :hash where company = :company

-- name: renew_prefix
-- A restored store gives ids of a new life.
update head set prefix = :prefix where company = :company

-- name: companies_with_head
select company from head order by company limit 1000000

-- name: insert_entry
insert into entry (
    entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest,
    facts, hash
) values (
    :entry_id, :company, :seq, :prefix, :kind, :session_no, :worker_id, :client_event_id, :idempotency_key, :units,
    :recorded_at, :received_at, :sent_at, :actor, :source, :device_id, :device_seq, :answers, :name_digest,
    :note_digest, :facts, :hash
)

-- name: entry_by_seq
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts
from entry where entry_id = :entry_id and company = :company

-- name: entry_by_event
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts
from entry
where company = :company and session_no = :session_no and client_event_id = :client_event_id and worker_id = :worker_id

-- name: entry_by_key
-- The entry that holds an own key: a record, or a later claim that answers one.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts
from entry where company = :company and idempotency_key = :idempotency_key

-- name: entry_by_device
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts
from entry where company = :company and device_id = :device_id and device_seq = :device_seq

-- name: void_of
-- The void that answers an entry; there is one at most.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts
from entry where company = :company and answers = :answers and kind = 2

-- name: session_sums
-- What each worker of a session has: net units, records, voids.
select worker_id, sum(units), count(*) filter (where kind = 1), count(*) filter (where kind = 2)
from entry
where company = :company and session_no = :session_no and kind in (1, 2) and worker_id is not null
group by worker_id
order by worker_id
limit 100000

-- name: session_names
-- The names under which a session's workers were recorded, as far as they are not erased.
select distinct entry.worker_id, personal.text
from entry
join personal on personal.company = entry.company and personal.digest = entry.name_digest
where entry.company = :company and entry.session_no = :session_no and personal.text is not null
order by entry.worker_id, personal.text
limit 100000

-- name: session_total
select coalesce(sum(units), 0) from entry where company = :company and session_no = :session_no and kind in (1, 2)

-- name: personal_by_name
select digest from personal where company = :company and subject = :subject and text = :text

-- name: add_personal
insert into personal (company, digest, subject, salt, text) values (:company, :digest, :subject, :salt, :text)

-- name: personal_text
select text from personal where company = :company and digest = :digest

-- name: entries_after
-- The ledger in order, with links, a page at a time.
select entry_id, company, seq, prefix, kind, session_no, worker_id, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, answers, name_digest, note_digest, facts,
    hash
from entry where entry_id > :after and entry_id < :before
order by entry_id
limit :page

-- name: personal_after
select digest, salt, text from personal
where company = :company and digest > :after and text is not null
order by digest
limit :page
