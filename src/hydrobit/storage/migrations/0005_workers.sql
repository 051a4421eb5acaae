-- Workers as the contract shows them, and the options of a company's template.
-- `worker_no` counts the workers of a company as they came, so the latest stand last; `stored_id` is its public form.
-- `worker_id` is the business id: `id_base`, and from the second of that base on `-2`, `-3`, ... (`id_number`).
-- `person` is the names without upper case, as they make one person of a hire date; `search` is what a search looks in.
-- `hourly_rate` in millionths, `skills` a JSON list, `photo` the digest of an object.

create table worker_complete (
    company integer not null references company (company),
    worker_no integer not null,
    stored_id text not null,
    worker_id text not null,
    id_base text not null,
    id_number integer not null,
    first_name text not null,
    last_name text not null,
    person text not null,
    search text not null,
    phone text,
    email text,
    position text not null,
    employment_type text not null,
    hire_date text not null,
    termination_date text,
    status text not null,
    hourly_rate integer,
    emergency_contact_name text,
    emergency_contact_phone text,
    skills text not null,
    notes text,
    photo text,
    created_at integer not null,
    primary key (company, worker_no)
) strict, without rowid;

-- engine: sqlite
-- SQL cannot take every accent off; these are the ones of the languages spoken where the first stores stood. A store on
-- PostgreSQL has no workers from before.
insert into worker_complete (
    company, worker_no, stored_id, worker_id, id_base, id_number, first_name, last_name, person, search, position,
    employment_type, hire_date, status, skills, created_at
)
select w.company, w.worker_no, printf('%08x%08x%08x', w.created_at / 1000, h.prefix, w.worker_no), w.worker_id,
    w.worker_id, 1, w.first_name, w.last_name, lower(w.first_name) || char(9) || lower(w.last_name),
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        lower(w.first_name || ' ' || w.last_name || ' ' || w.worker_id),
        'á', 'a'), 'é', 'e'), 'í', 'i'), 'ó', 'o'), 'ú', 'u'), 'ü', 'u'), 'ñ', 'n'),
        'Á', 'a'), 'É', 'e'), 'Í', 'i'), 'Ó', 'o'), 'Ú', 'u'), 'Ü', 'u'), 'Ñ', 'n'),
    'field_worker', 'full_time', w.hire_date, 'active', '[]', w.created_at
from (
    select company, worker_id, first_name, last_name, hire_date, created_at,
        row_number() over (partition by company order by created_at, worker_id) as worker_no
    from worker
) as w
join head as h on h.company = w.company;

drop table worker;
alter table worker_complete rename to worker;

create unique index worker_business on worker (company, worker_id);
create unique index worker_stored on worker (company, stored_id);
create unique index worker_numbered on worker (company, id_base, id_number);
create unique index worker_person on worker (company, person, hire_date);
-- engine: sqlite
-- All that a list looks at, so that a search through a large crew reads nothing else. PostgreSQL holds no index row of
-- such a length.
create index worker_listed on worker (company, worker_no, search, status, position, employment_type);

-- What a worker's position, employment type, status and skills may be; a company without rows of a kind has the
-- defaults of the release.
create table template_option (
    company integer not null references company (company),
    kind text not null check (kind in ('position', 'employment_type', 'status', 'skill')),
    place integer not null,
    name text not null,
    primary key (company, kind, place)
) strict, without rowid;
create unique index template_option_name on template_option (company, kind, name);
