-- name: device_by_id
select device_id, project_id, name, created_at, revoked_at
from device where company = :company and device_id = :device_id

-- name: count_devices
select count(*) from device where company = :company

-- name: page_of_devices
select device_id, project_id, name, created_at, revoked_at
from device where company = :company
order by device_id
limit :page offset :skipped

-- name: add_device
insert into device (company, device_id, project_id, name, created_at)
values (:company, :device_id, :project_id, :name, :now)

-- name: revoke_device
update device set revoked_at = :now where company = :company and device_id = :device_id and revoked_at is null

-- name: add_reading
insert into reading (company, device_id, kind, at, received_at, content)
values (:company, :device_id, :kind, :at, :received_at, :content)

-- name: reading_at
select content from reading where company = :company and device_id = :device_id and kind = :kind and at = :at

-- name: readings
-- Those after one instant and before another.
select at, received_at, content from reading
where company = :company and device_id = :device_id and kind = :kind and at > :after and at < :before
order by at
limit :page

-- name: count_letters
select count(*) from dead_letter where company = :company

-- name: last_letter
select coalesce(max(letter_no), 0) from dead_letter where company = :company

-- name: drop_oldest_replayed
delete from dead_letter where company = :company and letter_no = (
    select letter_no from dead_letter where company = :company and replayed_at is not null
    order by replayed_at, letter_no limit 1
)

-- name: add_letter
insert into dead_letter (
    company, letter_no, received_at, subject, device_id, client_id, topic, payload, code, detail, request_id
) values (
    :company, :letter_no, :received_at, :subject, :device_id, :client_id, :topic, :payload, :code, :detail, :request_id
)

-- name: letter
select letter_no, received_at, subject, device_id, client_id, topic, length(payload), code, detail, request_id,
    replayed_at, replay_status, payload
from dead_letter where company = :company and letter_no = :letter_no

-- name: page_of_letters
-- Latest first, without what stands in them.
select letter_no, received_at, subject, device_id, client_id, topic, length(payload), code, detail, request_id,
    replayed_at, replay_status
from dead_letter
where company = :company
    and (cast(:status as text) is null or case when replayed_at is null then 'waiting' else 'replayed' end = :status)
order by letter_no desc
limit :page offset :skipped

-- name: count_letters_of_status
select count(*) from dead_letter
where company = :company
    and (cast(:status as text) is null or case when replayed_at is null then 'waiting' else 'replayed' end = :status)

-- name: mark_replayed
update dead_letter set replayed_at = :now, replay_status = :status where company = :company and letter_no = :letter_no

-- name: mqtt_session
select owner, expiry_s, expires_at, subscriptions
from mqtt_session where company = :company and subject = :subject and client_id = :client_id

-- name: count_kept_sessions
-- Those of one subject that stay after their connection; no more are counted than matter.
select count(*) from (
    select 1 from mqtt_session where company = :company and subject = :subject and expiry_s > 0
    order by client_id
    limit :most
) as kept

-- name: add_mqtt_session
insert into mqtt_session (
    company, subject, client_id, owner, expiry_s, expires_at, subscriptions
) values (
    :company, :subject, :client_id, :owner, :expiry_s, :expires_at, :subscriptions
)

-- name: take_mqtt_session
update mqtt_session
set owner = :owner, expiry_s = :expiry_s, expires_at = :expires_at, subscriptions = :subscriptions
where company = :company and subject = :subject and client_id = :client_id

-- name: set_subscriptions
update mqtt_session set subscriptions = :subscriptions
where company = :company and subject = :subject and client_id = :client_id and owner = :owner

-- name: leave_mqtt_session
update mqtt_session set expiry_s = :expiry_s, expires_at = :expires_at
where company = :company and subject = :subject and client_id = :client_id and owner = :owner

-- name: drop_mqtt_session
delete from mqtt_session
where company = :company and subject = :subject and client_id = :client_id and owner = :owner

-- name: lost_mqtt_sessions
-- Of `held`, a JSON list of company, subject, client and owner, the places of those that are the owner's no more.
select p.key
from json_each(:held) as p
left join mqtt_session as s on s.company = json_extract(p.value, '$[0]')
    and s.subject = json_extract(p.value, '$[1]') and s.client_id = json_extract(p.value, '$[2]')
    and s.owner = json_extract(p.value, '$[3]')
where s.owner is null
order by p.key
limit 100000
-- engine: postgres
select p.place - 1
from json_array_elements(cast(:held as json)) with ordinality as p(value, place)
left join mqtt_session as s on s.company = cast(p.value ->> 0 as bigint)
    and s.subject = p.value ->> 1 and s.client_id = p.value ->> 2 and s.owner = p.value ->> 3
where s.owner is null
order by p.place
limit 100000

-- name: mark_seen
-- The same list: whoever owns a session says that it lives.
update mqtt_session set expires_at = :now + expiry_s * 1000 + :grace_ms
from json_each(:held) as p
where mqtt_session.company = json_extract(p.value, '$[0]') and mqtt_session.subject = json_extract(p.value, '$[1]')
    and mqtt_session.client_id = json_extract(p.value, '$[2]') and mqtt_session.owner = json_extract(p.value, '$[3]')
-- engine: postgres
update mqtt_session set expires_at = :now + expiry_s * 1000 + :grace_ms
from json_array_elements(cast(:held as json)) as p
where mqtt_session.company = cast(p.value ->> 0 as bigint) and mqtt_session.subject = p.value ->> 1
    and mqtt_session.client_id = p.value ->> 2 and mqtt_session.owner = p.value ->> 3

-- name: mqtt_sessions_over
-- The work of the job, in all companies.
select company, subject, client_id from mqtt_session where expires_at <= :now order by expires_at limit :page

-- name: drop_mqtt_session_over
delete from mqtt_session
where company = :company and subject = :subject and client_id = :client_id and expires_at <= :now
