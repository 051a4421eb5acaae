-- name: user_with_company
select u.user_id, u.company, c.company_id, u.role, u.disabled_at, c.disabled_at, h.access_no
from user_account u left join company c on c.company = u.company left join head h on h.company = u.company
where u.user_id = :user_id

-- name: user_and_key
-- The same, and whether the key that proved the user's token still counts.
select u.user_id, u.company, c.company_id, u.role, u.disabled_at, c.disabled_at, h.access_no, k.withdrawn_at
from signing_key k
left join user_account u on u.user_id = :user_id
left join company c on c.company = u.company
left join head h on h.company = u.company
where k.kid = :kid

-- name: device_facts
-- What a device's token is judged by: the company that it names, its device, the user whom it acts for, and the key that
-- proved it, each where it counts.
select c.company, c.company_id, c.disabled_at, h.access_no, d.device_id, d.project_id, u.role, k.kid
from company c
join head h on h.company = c.company
left join device d on d.company = c.company and d.device_id = :device_id and d.revoked_at is null
left join user_account u on u.company = c.company and u.user_id = :user_id and u.disabled_at is null
left join signing_key k on k.kid = :kid and k.withdrawn_at is null
where c.company_id = :company_id

-- name: signing_key
select kid, public, added_at, withdrawn_at from signing_key where kid = :kid

-- name: signing_keys
-- Latest first.
select kid, public, added_at, withdrawn_at from signing_key order by added_at desc, kid limit 100

-- name: add_signing_key
insert into signing_key (kid, public, added_at) values (:kid, :public, :now)

-- name: withdraw_signing_key
update signing_key set withdrawn_at = :now where kid = :kid and withdrawn_at is null

-- name: company_by_id
select company from company where company_id = :company_id

-- name: lock_companies
-- Whoever adds companies takes the store's one row first. SQLite holds its one write lock already.
select moved_by from store
-- engine: postgres
select moved_by from store for update

-- name: last_company_number
select coalesce(max(company), 0) from company

-- name: add_company
insert into company (company, company_id, name, created_at) values (:company, :company_id, :name, :now)

-- name: add_user
insert into user_account (user_id, company, name, email, role, created_at)
values (:user_id, :company, :name, :email, :role, :now)

-- name: user_of_company
select user_id, name, email, role, created_at, disabled_at
from user_account where company = :company and user_id = :user_id

-- name: count_users
select count(*) from user_account where company = :company

-- name: page_of_users
select user_id, name, email, role, created_at, disabled_at
from user_account where company = :company
order by user_id
limit :page offset :skipped

-- name: other_active_admin
-- Is there an active admin beside this user?
select 1 from user_account
where company = :company and role = 'admin' and disabled_at is null and user_id <> :user_id
limit 1

-- name: change_user
update user_account set name = :name, email = :email, role = :role
where company = :company and user_id = :user_id

-- name: switch_user
update user_account set disabled_at = :disabled_at where company = :company and user_id = :user_id

-- name: company_profile
select company, company_id, name, refuses_unknown_workers, created_at, disabled_at
from company where company = :company

-- name: page_of_companies
-- In the order in which they were added; for the operator.
select company, company_id, name, refuses_unknown_workers, created_at, disabled_at
from company where company > :after
order by company
limit :page

-- name: change_company
update company set name = :name, refuses_unknown_workers = :refuses where company = :company

-- name: switch_company
update company set disabled_at = :disabled_at where company = :company
