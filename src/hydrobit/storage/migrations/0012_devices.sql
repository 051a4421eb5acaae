-- Devices of projects, what they read, their MQTT sessions, and messages that were acknowledged and refused.

-- A revoked device stays, so that what it sent keeps its name; its id is given to no other.
create table device (
    company integer not null references company (company),
    device_id text not null,
    project_id text not null,
    name text not null,
    created_at integer not null,
    revoked_at integer,
    primary key (company, device_id),
    foreign key (company, project_id) references project (company, project_id)
) strict, without rowid;

-- `content` is a JSON object of names in order, each with an exact number.
create table reading (
    company integer not null,
    device_id text not null,
    kind text not null check (kind in ('weather', 'plant', 'irrigation')),
    at integer not null,
    received_at integer not null,
    content text not null,
    primary key (company, device_id, kind, at),
    foreign key (company, device_id) references device (company, device_id)
) strict, without rowid;

-- `owner` names the connection that holds the session, or held it last; `subscriptions` is a JSON list of filters.
-- A session of which no node has said a word until `expires_at` is over.
create table mqtt_session (
    company integer not null references company (company),
    subject text not null,
    client_id text not null,
    owner text not null,
    expiry_s integer not null,
    expires_at integer not null,
    subscriptions text not null,
    primary key (company, subject, client_id)
) strict, without rowid;
create index mqtt_session_over on mqtt_session (expires_at);

-- One that was replayed names when, and the status that it got.
create table dead_letter (
    company integer not null references company (company),
    letter_no integer not null,
    received_at integer not null,
    subject text not null,
    device_id text,
    client_id text not null,
    topic text not null,
    payload blob not null,
    code text not null,
    detail text not null,
    request_id text not null,
    replayed_at integer,
    replay_status integer,
    primary key (company, letter_no)
) strict;
create index dead_letter_replayed on dead_letter (company, replayed_at, letter_no);
