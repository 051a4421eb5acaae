-- The first schema: companies and their people, projects and sectors, sessions, and the ledger.
-- Every key begins with the tenant: `company` is the store's own number of a company.
-- Instants are milliseconds since 1970, amounts whole millionths.

-- One row: the store's own facts. A backup carries is_backup = 1 until it is first opened as a store.
create table store (
    one integer primary key check (one = 1),
    created_at integer not null,
    is_backup integer not null default 0
) strict;

create table company (
    company integer primary key,
    company_id text not null unique,
    name text not null,
    refuses_unknown_workers integer not null default 0,
    created_at integer not null,
    disabled_at integer
) strict;

-- A user belongs to one company at most; without a company the token is valid but opens nothing.
create table user_account (
    user_id text primary key,
    company integer references company (company),
    name text not null,
    email text,
    role text not null check (role in ('admin', 'supervisor', 'viewer')),
    created_at integer not null,
    disabled_at integer
) strict, without rowid;

create table project (
    company integer not null references company (company),
    project_id text not null,
    name text not null,
    timezone text not null,
    sampling_unit text not null,
    price integer not null,
    bonus_type text check (bonus_type in ('flat', 'percent')),
    bonus_value integer,
    bonus_note text,
    max_duration_hours integer not null,
    created_at integer not null,
    disabled_at integer,
    primary key (company, project_id)
) strict, without rowid;

create table sector (
    company integer not null,
    sector_id text not null,
    project_id text not null,
    name text not null,
    created_at integer not null,
    disabled_at integer,
    primary key (company, sector_id),
    foreign key (company, project_id) references project (company, project_id)
) strict, without rowid;

create table worker (
    company integer not null references company (company),
    worker_id text not null,
    first_name text not null,
    last_name text not null,
    hire_date text not null,
    created_at integer not null,
    primary key (company, worker_id)
) strict, without rowid;

-- The head of a company's ledger: whoever writes entries locks it first. `prefix` makes ids of this life of the store.
create table head (
    company integer primary key references company (company),
    prefix integer not null,
    seq integer not null,
    held_number integer not null,
    units integer not null,
    hash blob not null
) strict;

-- The ledger. entry_id is company << 40 | seq, so rows of a company stand in the order of its seq.
-- The columns that only some entries have stand last, so that the usual record is written without them.
-- `facts` holds what a session entry says, as canonical JSON; `answers` is the seq of the entry that this one answers.
create table entry (
    entry_id integer primary key,
    company integer not null,
    seq integer not null,
    prefix integer not null,
    kind integer not null,
    session_no integer not null,
    worker_id text,
    client_event_id text,
    idempotency_key text,
    units integer not null,
    recorded_at integer not null,
    received_at integer not null,
    actor text not null,
    source integer not null,
    name_digest blob,
    sent_at integer,
    device_id text,
    device_seq integer,
    answers integer,
    note_digest blob,
    facts text,
    hash blob not null
) strict;

-- Is this event known? Begins with the session, so that a growing ledger keeps writing near the end of the index.
create unique index entry_event on entry (company, session_no, client_event_id, worker_id);
create unique index entry_key on entry (company, idempotency_key) where idempotency_key is not null;
create unique index entry_device on entry (company, device_id, device_seq) where device_seq is not null;
create unique index entry_answer on entry (company, answers, kind) where answers is not null and kind = 2;

-- The one place where something may be erased without breaking the chain: the text and salt behind a digest.
-- `subject` is the worker whose name the text is; null for reasons, notes and evidence.
create table personal (
    company integer not null,
    digest blob not null,
    subject text,
    salt blob,
    text text,
    primary key (company, digest)
) strict, without rowid;
create index personal_name on personal (company, subject, text) where subject is not null;

-- What is true of a session now; every change of it is an entry.
create table session (
    company integer not null,
    session_no integer not null,
    session_id text not null,
    local_id text,
    project_id text not null,
    sector_id text not null,
    sector_name text not null,
    timezone text not null,
    day text not null,
    opened_at integer not null,
    opened_received_at integer not null,
    opened_by text not null,
    max_duration_hours integer not null,
    expires_at integer not null,
    note_digest blob,
    closed_at integer,
    closed_by text,
    closed_reason text,
    closed_seq integer,
    final_note_digest blob,
    primary key (company, session_no)
) strict, without rowid;
create unique index session_public on session (company, session_id);
create unique index session_local on session (company, local_id) where local_id is not null;
create unique index session_open on session (company, project_id, day, sector_id) where closed_at is null;
create index session_listed on session (company, opened_by, day);
create index session_expiring on session (company, expires_at) where closed_at is null;

-- Who may write into a session, and when.
create table session_writer (
    company integer not null,
    session_no integer not null,
    user_id text not null,
    from_at integer not null,
    until_at integer,
    primary key (company, session_no, user_id, from_at)
) strict, without rowid;

-- What a unit is worth, as it was agreed over time; the last one values the whole session.
create table session_terms (
    company integer not null,
    session_no integer not null,
    seq integer not null,
    sampling_unit text not null,
    price integer not null,
    bonus_type text,
    bonus_value integer,
    bonus_note text,
    set_by text not null,
    set_at integer not null,
    primary key (company, session_no, seq)
) strict, without rowid;

-- Well-formed work that reached us after its session was closed: kept for review, counted nowhere.
create table held (
    company integer not null,
    held_number integer not null,
    prefix integer not null,
    session_no integer not null,
    worker_id text not null,
    worker_name text not null,
    client_event_id text not null,
    idempotency_key text,
    units integer not null,
    recorded_at integer not null,
    received_at integer not null,
    sent_at integer,
    actor text not null,
    source integer not null,
    device_id text,
    device_seq integer,
    evidence text,
    primary key (company, held_number)
) strict, without rowid;
create unique index held_event on held (company, session_no, client_event_id, worker_id);
create unique index held_key on held (company, idempotency_key) where idempotency_key is not null;
