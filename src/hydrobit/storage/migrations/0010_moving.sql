-- A store that is moved elsewhere, and programs that know less than a store.

-- In the source, `moved_by` is the copying that takes it elsewhere: from then on nobody writes; `moved_at` says that all
-- of it is there. In the target, `copied_by` is that copying, and `copied_until` how far it has come while it is under way.
alter table store add column moved_by text;
alter table store add column moved_at integer;
alter table store add column copied_by text;
alter table store add column copied_until text;

-- A head that is shut is given to no writer, whenever its transaction began.
alter table head add column shut_at integer;

-- One row: the lowest schema that a program must know to work on this store. A migration that an older program cannot
-- work with raises it to its own version; one that only adds leaves it alone.
create table compatibility (
    one integer primary key check (one = 1),
    schema_min integer not null
) strict;
insert into compatibility (one, schema_min) values (1, 10);
