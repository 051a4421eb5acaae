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

-- name: lines_of_day
-- What a worker's sum of a day is made of, in the order in which the work was done: the movements of the day's sessions,
-- each with the sum up to it, and between them what is held (`is_held` 1), which moves nothing. A page after a place.
-- Left to itself the planner would read all that the company ever held.
select recorded_at, is_held, number, running from (
    select recorded_at, is_held, number, sum(units) over (order by recorded_at, is_held, number) as running
    from (
        select recorded_at, 0 as is_held, seq as number, units
        from entry
        where company = :company and worker_id = :worker_id and kind in (1, 2, 7, 8)
            and session_no in (select s.session_no from session as s where s.company = :company and s.day = :day)
        union all
        select h.recorded_at, 1 as is_held, h.held_number as number, 0 as units
        from held as h indexed by held_event
        where h.company = :company and h.worker_id = :worker_id
            and h.session_no in (select s.session_no from session as s where s.company = :company and s.day = :day)
            and not exists (
                select 1 from entry as e
                where e.company = h.company and e.session_no = h.session_no
                    and e.client_event_id = h.client_event_id and e.worker_id = h.worker_id
            )
    ) as line
) as summed
where (recorded_at, is_held, number) > (:recorded_at, :is_held, :number)
order by recorded_at, is_held, number
limit :page

-- name: movements_of_day
-- A worker's sums of a day, session by session: all movements, records, their units, and how many of them are voided.
select e.session_no, sum(e.units), count(*) filter (where e.kind <> 2),
    coalesce(sum(e.units) filter (where e.kind <> 2), 0), count(v.seq),
    coalesce(sum(e.units) filter (where v.seq is not null), 0)
from entry as e
left join entry as v on v.company = e.company and v.answers = e.seq and v.kind = 2
where e.company = :company and e.worker_id = :worker_id and e.kind in (1, 2, 7, 8)
    and e.session_no in (select s.session_no from session as s where s.company = :company and s.day = :day)
group by e.session_no
order by e.session_no
limit 100000000

-- name: held_of_day
-- What of a worker's day waits for review, session by session. What was counted since waits no more.
select h.session_no, count(*), sum(h.units)
from held as h
where h.company = :company and h.worker_id = :worker_id
    and h.session_no in (select s.session_no from session as s where s.company = :company and s.day = :day)
    and not exists (
        select 1 from entry as e
        where e.company = h.company and e.session_no = h.session_no and e.client_event_id = h.client_event_id
            and e.worker_id = h.worker_id
    )
group by h.session_no
order by h.session_no
limit 100000000

-- name: held_by_number
select held_number, prefix, session_no, worker_id, client_event_id, units, recorded_at, worker_name, idempotency_key,
    received_at, sent_at, actor, source, device_id, device_seq, evidence
from held where company = :company and held_number = :held_number
