-- name: add_worker
insert into worker (company, worker_id, first_name, last_name, hire_date, created_at)
values (:company, :worker_id, :first_name, :last_name, :hire_date, :now)
