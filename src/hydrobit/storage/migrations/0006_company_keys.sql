-- Keys of machines. `digest` is the keyed hash of the whole key under `salt`; the key itself is nowhere.
-- `scopes` are words with a space between. A revoked key stays, so that what it did keeps its name.
create table company_key (
    company integer not null references company (company),
    key_id text not null,
    name text not null,
    scopes text not null,
    salt blob not null,
    digest blob not null,
    created_at integer not null,
    created_by text not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer,
    primary key (company, key_id)
) strict, without rowid;
create unique index company_key_presented on company_key (key_id);
create unique index company_key_name on company_key (company, name) where revoked_at is null;

create index user_of_company on user_account (company, user_id);
