-- name: form
-- A form in a version of it; without one, in its present version.
select f.form_id, v.version, f.created_at, f.disabled_at, v.definition
from form as f
join form_version as v on v.company = f.company and v.form_id = f.form_id
    and v.version = coalesce(cast(:version as bigint), f.version)
where f.company = :company and f.form_id = :form_id

-- name: present_version
select version from form where company = :company and form_id = :form_id

-- name: forms
-- Every form in its present version, disabled ones too.
select f.form_id, v.version, f.created_at, f.disabled_at, v.definition
from form as f
join form_version as v on v.company = f.company and v.form_id = f.form_id and v.version = f.version
where f.company = :company
order by f.form_id
limit :most

-- name: size_of_forms
-- How many forms there are, and how many characters their present versions have together.
select count(*), coalesce(sum(length(v.definition)), 0)
from form as f
join form_version as v on v.company = f.company and v.form_id = f.form_id and v.version = f.version
where f.company = :company

-- name: add_form
insert into form (company, form_id, version, created_at) values (:company, :form_id, 1, :now)

-- name: add_version
insert into form_version (company, form_id, version, definition, created_at, created_by)
values (:company, :form_id, :version, :definition, :now, :actor)

-- name: set_version
update form set version = :version where company = :company and form_id = :form_id

-- name: switch_form
update form set disabled_at = :disabled_at where company = :company and form_id = :form_id

-- name: last_task_number
select coalesce(max(task_no), 0) from form_task where company = :company

-- name: add_task
insert into form_task (company, task_no, task_id, form_id, user_id, title, due_day, status, created_at)
values (:company, :task_no, :task_id, :form_id, :user_id, :title, :due_day, 'pending', :now)

-- name: task_by_id
select task_no, task_id, form_id, user_id, title, due_day, status, created_at, ended_at
from form_task where company = :company and task_id = :task_id

-- name: task_by_number
select task_no, task_id, form_id, user_id, title, due_day, status, created_at, ended_at
from form_task where company = :company and task_no = :task_no

-- name: pending_tasks
-- What waits for a user, of one form or of all, form by form, oldest first.
select task_no, task_id, form_id, user_id, title, due_day, status, created_at, ended_at
from form_task
where company = :company and user_id = :user_id and status = 'pending'
    and (cast(:form_id as text) is null or form_id = :form_id)
order by form_id, task_no
limit :most

-- name: count_tasks
select count(*) from form_task where company = :company and form_id = :form_id

-- name: page_of_tasks
-- Latest first. The number is above zero: said, it makes the planner take the index of the form.
select task_no, task_id, form_id, user_id, title, due_day, status, created_at, ended_at
from form_task where company = :company and form_id = :form_id and task_no > 0
order by task_no desc
limit :page offset :skipped

-- name: end_task
update form_task set status = :status, ended_at = :now
where company = :company and task_no = :task_no and status = 'pending'

-- name: last_record_number
select coalesce(max(record_no), 0) from form_record where company = :company

-- name: add_record
insert into form_record (
    company, record_no, record_id, form_id, version, user_id, task_no, project_id, sector_id, project_verified,
    sector_verified, latitude, longitude, started_at, duration_ms, received_at, day, client_event_id, content_digest,
    answers
) values (
    :company, :record_no, :record_id, :form_id, :version, :user_id, :task_no, :project_id, :sector_id,
    :project_verified, :sector_verified, :latitude, :longitude, :started_at, :duration_ms, :received_at, :day,
    :client_event_id, :content_digest, :answers
)

-- name: record_by_event
select record_no, record_id, form_id, version, user_id, task_no, project_id, sector_id, project_verified,
    sector_verified, latitude, longitude, started_at, duration_ms, received_at, day, client_event_id, content_digest,
    answers
from form_record where company = :company and client_event_id = :client_event_id

-- name: count_records
select count(*) from form_record where company = :company and form_id = :form_id

-- name: page_of_records
-- Latest first. The number is above zero: said, it makes the planner take the index of the form.
select record_no, record_id, form_id, version, user_id, task_no, project_id, sector_id, project_verified,
    sector_verified, latitude, longitude, started_at, duration_ms, received_at, day, client_event_id, content_digest,
    answers
from form_record where company = :company and form_id = :form_id and record_no > 0
order by record_no desc
limit :page offset :skipped

-- name: add_observation
insert into pest_observation (
    company, day, record_no, answer_no, project_id, sector_id, variable, name, value, severity, scale
) values (
    :company, :day, :record_no, :answer_no, :project_id, :sector_id, :variable, :name, :value, :severity, :scale
)
