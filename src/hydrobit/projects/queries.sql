-- name: project_by_id
select project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note, max_duration_hours,
    boundary, 0
from project where company = :company and project_id = :project_id and disabled_at is null

-- name: project_even_if_disabled
select project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note, max_duration_hours,
    boundary, disabled_at is not null
from project where company = :company and project_id = :project_id

-- name: projects
select project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note, max_duration_hours,
    boundary, 0
from project where company = :company and disabled_at is null
order by project_id
limit :most

-- name: projects_even_if_disabled
select project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note, max_duration_hours,
    boundary, disabled_at is not null
from project where company = :company
order by project_id
limit :most

-- name: first_zone
select timezone from project where company = :company and disabled_at is null order by project_id limit 1

-- name: add_project
insert into project (
    company, project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note,
    max_duration_hours, boundary, created_at
) values (
    :company, :project_id, :name, :timezone, :sampling_unit, :price, :bonus_type, :bonus_value, :bonus_note,
    :max_duration_hours, :boundary, :now
)

-- name: change_project
update project set
    name = :name, timezone = :timezone, sampling_unit = :sampling_unit, price = :price, bonus_type = :bonus_type,
    bonus_value = :bonus_value, bonus_note = :bonus_note, max_duration_hours = :max_duration_hours,
    boundary = :boundary, disabled_at = case when :disabled then coalesce(disabled_at, :now) end
where company = :company and project_id = :project_id

-- name: sector_by_id
select sector_id, project_id, name, crop, variety, boundary, 0
from sector
where company = :company and project_id = :project_id and sector_id = :sector_id and disabled_at is null

-- name: sector_even_if_disabled
select sector_id, project_id, name, crop, variety, boundary, disabled_at is not null
from sector where company = :company and sector_id = :sector_id

-- name: sectors_of_project
select sector_id, project_id, name, crop, variety, boundary, 0
from sector where company = :company and project_id = :project_id and disabled_at is null
order by sector_id
limit :most

-- name: named_sectors
-- Disabled ones too: what was done there still names them.
select sector_id, project_id, name, crop, variety
from sector where company = :company
order by sector_id
limit :most

-- name: named_projects
select project_id, name, timezone, disabled_at is not null
from project where company = :company
order by project_id
limit :most

-- name: sectors_even_if_disabled
select sector_id, project_id, name, crop, variety, boundary, disabled_at is not null
from sector where company = :company and project_id = :project_id
order by sector_id
limit :most

-- name: add_sector
insert into sector (company, sector_id, project_id, name, crop, variety, boundary, created_at)
values (:company, :sector_id, :project_id, :name, :crop, :variety, :boundary, :now)

-- name: change_sector
update sector set
    name = :name, crop = :crop, variety = :variety, boundary = :boundary,
    disabled_at = case when :disabled then coalesce(disabled_at, :now) end
where company = :company and sector_id = :sector_id

-- name: size_of_projects
select count(*), coalesce(sum(length(boundary)), 0) from project where company = :company

-- name: size_of_sectors
select count(*), coalesce(sum(length(boundary)), 0) from sector where company = :company

-- name: places_stamp
select places_stamp from company where company = :company

-- name: set_places_stamp
update company set places_stamp = :stamp where company = :company

-- name: sector_boundaries
-- What a point may lie in: sectors in use, of projects in use.
select s.sector_id, s.project_id, s.boundary
from sector as s
join project as p on p.company = s.company and p.project_id = s.project_id
where s.company = :company and s.boundary is not null and s.disabled_at is null and p.disabled_at is null
order by s.sector_id
limit :most

-- name: project_boundaries
select project_id, boundary
from project where company = :company and boundary is not null and disabled_at is null
order by project_id
limit :most
