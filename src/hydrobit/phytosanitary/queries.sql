-- name: observed
-- What was seen of each pest in each sector, by scale, for severities of different scales cannot be added.
select project_id, sector_id, name, scale, count(*), count(*) filter (where value > 0), count(severity),
    coalesce(sum(severity), 0)
from pest_observation
where company = :company and day >= :first_day and day <= :last_day
    and (cast(:project_id as text) is null or project_id = :project_id)
    and (cast(:sector_id as text) is null or sector_id = :sector_id)
group by project_id, sector_id, name, scale
order by project_id nulls first, sector_id nulls first, name, scale
limit 10000000

-- name: count_observed_records
select count(distinct record_no)
from pest_observation
where company = :company and day >= :first_day and day <= :last_day
    and (cast(:project_id as text) is null or project_id = :project_id)
    and (cast(:sector_id as text) is null or sector_id = :sector_id)

-- name: observed_records
-- The next forms with an observation, by day and number.
select distinct o.day, o.record_no, r.record_id, r.received_at, r.started_at, r.user_id, r.project_id, r.sector_id,
    r.latitude, r.longitude
from pest_observation as o
join form_record as r on r.company = o.company and r.record_no = o.record_no
where o.company = :company and o.day >= :first_day and o.day <= :last_day
    and (o.day > :after_day or o.record_no > :after_no)
order by o.day, o.record_no
limit :most

-- name: observations
select answer_no, variable, name, value, severity
from pest_observation where company = :company and day = :day and record_no = :record_no
order by answer_no
limit 10000
