-- Where projects and sectors lie, as canonical GeoJSON, and what grows in a sector.
alter table project add column boundary text;
alter table sector add column boundary text;
alter table sector add column crop text;
alter table sector add column variety text;
create index sector_of_project on sector (company, project_id, sector_id);

-- Random bytes, drawn anew with every change of where something lies: whoever remembers boundaries compares them.
alter table company add column places_stamp blob;
