-- name: insert_worker
insert into worker (
    company, worker_no, stored_id, worker_id, id_base, id_number, first_name, last_name, person, search, phone, email,
    position, employment_type, hire_date, termination_date, status, hourly_rate, emergency_contact_name,
    emergency_contact_phone, skills, notes, photo, created_at
) values (
    :company, :worker_no, :stored_id, :worker_id, :id_base, :id_number, :first_name, :last_name, :person, :search,
    :phone, :email, :position, :employment_type, :hire_date, :termination_date, :status, :hourly_rate,
    :emergency_contact_name, :emergency_contact_phone, :skills, :notes, :photo, :created_at
)

-- name: update_worker
-- What an admin may change; ids, the day of hiring and the photo stay.
update worker set first_name = :first_name, last_name = :last_name, person = :person, search = :search,
    phone = :phone, email = :email, position = :position, employment_type = :employment_type,
    termination_date = :termination_date, status = :status, hourly_rate = :hourly_rate,
    emergency_contact_name = :emergency_contact_name, emergency_contact_phone = :emergency_contact_phone,
    skills = :skills, notes = :notes
where company = :company and worker_no = :worker_no

-- name: drop_photo
update worker set photo = null where company = :company and worker_no = :worker_no

-- name: last_worker_number
select coalesce(max(worker_no), 0) from worker where company = :company

-- name: last_id_number
-- How many workers have the same initials and day so far.
select coalesce(max(id_number), 0) from worker where company = :company and id_base = :id_base

-- name: worker_by_number
select worker_no, stored_id, worker_id, first_name, last_name, position, employment_type, hire_date, status, phone,
    email, termination_date, hourly_rate, emergency_contact_name, emergency_contact_phone, skills, notes, photo,
    created_at
from worker where company = :company and worker_no = :worker_no

-- name: number_by_stored_id
select worker_no from worker where company = :company and stored_id = :stored_id

-- name: number_by_business_id
select worker_no from worker where company = :company and worker_id = :worker_id

-- name: number_of_person
select worker_no from worker where company = :company and person = :person and hire_date = :hire_date

-- name: business_id
select worker_id from worker where company = :company and stored_id = :stored_id

-- name: matching_numbers
-- Newest first. Only the index `worker_listed` is read.
select worker_no from worker
where company = :company and instr(search, :text) > 0 and (cast(:status as text) is null or status = :status)
    and (cast(:position as text) is null or position = :position)
    and (cast(:employment_type as text) is null or employment_type = :employment_type)
order by worker_no desc
limit :length offset :first

-- name: count_matching
select count(*) from worker
where company = :company and instr(search, :text) > 0 and (cast(:status as text) is null or status = :status)
    and (cast(:position as text) is null or position = :position)
    and (cast(:employment_type as text) is null or employment_type = :employment_type)

-- name: count_workers
select count(*) from worker where company = :company

-- name: template_options
select kind, name from template_option where company = :company order by kind, place limit 1000

-- name: drop_template_options
delete from template_option where company = :company and kind = :kind

-- name: add_template_option
insert into template_option (company, kind, place, name) values (:company, :kind, :place, :name)
