-- Forms, their versions, tasks, and what was handed in.
-- A version is never changed: `definition` is canonical JSON, and a submission is checked against the one it names.

create table form (
    company integer not null references company (company),
    form_id text not null,
    version integer not null,
    created_at integer not null,
    disabled_at integer,
    primary key (company, form_id)
) strict, without rowid;

create table form_version (
    company integer not null,
    form_id text not null,
    version integer not null,
    definition text not null,
    created_at integer not null,
    created_by text not null,
    primary key (company, form_id, version),
    foreign key (company, form_id) references form (company, form_id)
) strict, without rowid;

-- A form that one user is to fill in once.
create table form_task (
    company integer not null references company (company),
    task_no integer not null,
    task_id text not null,
    form_id text not null,
    user_id text not null,
    title text,
    due_day text,
    status text not null check (status in ('pending', 'done', 'cancelled')),
    created_at integer not null,
    ended_at integer,
    primary key (company, task_no)
) strict, without rowid;
create unique index form_task_public on form_task (company, task_id);
create index form_task_of_form on form_task (company, form_id, task_no);
create index form_task_pending on form_task (company, user_id, form_id, task_no) where status = 'pending';

-- One filled form. `answers` is canonical JSON; media stand in it as the digests of objects.
-- `day` is the local day of the observation in its project's zone; `content_digest` tells a repeat from another one.
create table form_record (
    company integer not null references company (company),
    record_no integer not null,
    record_id text not null,
    form_id text not null,
    version integer not null,
    user_id text not null,
    task_no integer,
    project_id text,
    sector_id text,
    project_verified integer not null,
    sector_verified integer not null,
    latitude real,
    longitude real,
    started_at integer,
    duration_ms integer,
    received_at integer not null,
    day text not null,
    client_event_id text,
    content_digest blob not null,
    answers text not null,
    primary key (company, record_no)
) strict, without rowid;
create unique index form_record_public on form_record (company, record_id);
create unique index form_record_event on form_record (company, client_event_id) where client_event_id is not null;
create index form_record_of_form on form_record (company, form_id, record_no);
create index form_record_day on form_record (company, form_id, day);

-- Each answer to a field of type pest, so that crop health is a sum over rows. `name` is the field's label as it was.
-- `value` (how many were seen), `severity` and `scale` (the scale's top) are in millionths.
create table pest_observation (
    company integer not null references company (company),
    day text not null,
    record_no integer not null,
    answer_no integer not null,
    project_id text,
    sector_id text,
    variable text not null,
    name text not null,
    value integer not null,
    severity integer,
    scale integer not null,
    primary key (company, day, record_no, answer_no)
) strict, without rowid;
