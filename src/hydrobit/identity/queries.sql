-- name: user_with_company
select u.user_id, u.company, c.company_id, u.role, u.disabled_at, c.disabled_at
from user_account u left join company c on c.company = u.company
where u.user_id = :user_id

-- name: company_by_id
select company from company where company_id = :company_id

-- name: last_company_number
select coalesce(max(company), 0) from company

-- name: add_company
insert into company (company, company_id, name, created_at) values (:company, :company_id, :name, :now)

-- name: add_user
insert into user_account (user_id, company, name, email, role, created_at)
values (:user_id, :company, :name, :email, :role, :now)
