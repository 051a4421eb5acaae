-- name: held_by_event
select held_number, prefix, session_no, worker_id, client_event_id, units, recorded_at
from held
where company = :company and session_no = :session_no and client_event_id = :client_event_id and worker_id = :worker_id

-- name: held_by_key
select held_number, prefix, session_no, worker_id, client_event_id, units, recorded_at
from held where company = :company and idempotency_key = :idempotency_key

-- name: insert_held
insert into held (
    company, held_number, prefix, session_no, worker_id, worker_name, client_event_id, idempotency_key, units,
    recorded_at, received_at, sent_at, actor, source, device_id, device_seq, evidence
) values (
    :company, :held_number, :prefix, :session_no, :worker_id, :worker_name, :client_event_id, :idempotency_key, :units,
    :recorded_at, :received_at, :sent_at, :actor, :source, :device_id, :device_seq, :evidence
)

-- name: held_after
-- What waits for review, oldest first, with the session and company that it belongs to. What was counted since, after
-- its session was opened again, waits no more.
select h.company, h.held_number, h.prefix, c.company_id, s.session_id, h.worker_id, h.worker_name, h.units,
    h.recorded_at, h.received_at, h.actor, h.client_event_id
from held as h
join company as c on c.company = h.company
join session as s on s.company = h.company and s.session_no = h.session_no
where (h.company > :company or (h.company = :company and h.held_number > :held_number))
    and (cast(:company_id as text) is null or c.company_id = :company_id)
    and not exists (
        select 1 from entry as e
        where e.company = h.company and e.session_no = h.session_no and e.client_event_id = h.client_event_id
            and e.worker_id = h.worker_id
    )
order by h.company, h.held_number
limit :page

-- name: erase_held
-- The id stands in the name's place: what is held may still be approved, and needs one.
update held set worker_name = worker_id, evidence = null
where company = :company and worker_id = :worker_id and (worker_name <> worker_id or evidence is not null)

-- name: held_numbers
-- How many held counts there are, the last number among them, and how many belong to no session.
select count(*), coalesce(max(h.held_number), 0), count(*) filter (where s.session_no is null)
from held as h
left join session as s on s.company = h.company and s.session_no = h.session_no
where h.company = :company

-- name: known_worker
select 1 from worker where company = :company and worker_id = :worker_id

-- name: refuses_unknown_workers
select refuses_unknown_workers from company where company = :company
