-- What the nodes of one store agree on.

-- Grows with each change of who may do what in a company, under the head's lock: a count is written only for a caller
-- whose rights are as they were when they were looked up.
alter table head add column access_no integer not null default 0;

-- What the secret of links hashes to under a key that says nothing of it, and where photos and media lie.
alter table store add column links_key text;
alter table store add column objects_at text;

-- The public halves of the keys that sign own tokens. A token counts on every node until its key is withdrawn.
create table signing_key (
    kid text primary key,
    public text not null,
    added_at integer not null,
    withdrawn_at integer
) strict, without rowid;
