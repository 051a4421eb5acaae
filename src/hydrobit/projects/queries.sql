-- name: project_by_id
select project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note, max_duration_hours
from project where company = :company and project_id = :project_id and disabled_at is null

-- name: sector_by_id
select sector_id, project_id, name from sector
where company = :company and project_id = :project_id and sector_id = :sector_id and disabled_at is null

-- name: add_project
insert into project (
    company, project_id, name, timezone, sampling_unit, price, bonus_type, bonus_value, bonus_note,
    max_duration_hours, created_at
) values (
    :company, :project_id, :name, :timezone, :sampling_unit, :price, :bonus_type, :bonus_value, :bonus_note,
    :max_duration_hours, :now
)

-- name: add_sector
insert into sector (company, sector_id, project_id, name, created_at)
values (:company, :sector_id, :project_id, :name, :now)
