-- Photos and media: the bytes lie in the object store, at `place`; here stands what they are. Within a company the same
-- bytes are one object (`digest`, SHA-256). `names` is how many rows name the object. What nobody names is dropped
-- after a while: first here, then in the object store, then its row; a place is never used again.
create table object (
    company integer not null references company (company),
    place text not null,
    digest text not null,
    content_type text not null,
    length integer not null,
    names integer not null default 0,
    touched_at integer not null,
    dropped_at integer,
    primary key (company, place)
) strict, without rowid;
create unique index object_digest on object (company, digest) where dropped_at is null;
create index object_unnamed on object (company, touched_at) where names = 0 and dropped_at is null;
create index object_dropped on object (company, dropped_at) where dropped_at is not null;
