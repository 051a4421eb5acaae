-- name: add
insert into company_key (company, key_id, name, scopes, salt, digest, created_at, created_by, expires_at)
values (:company, :key_id, :name, :scopes, :salt, :digest, :now, :created_by, :expires_at)

-- name: presented
-- What a presented key is checked with; the company follows from the key.
select k.company, c.company_id, k.key_id, k.scopes, k.salt, k.digest, k.expires_at, k.revoked_at, c.disabled_at
from company_key k join company c on c.company = k.company
where k.key_id = :key_id

-- name: by_id
select key_id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
from company_key where company = :company and key_id = :key_id

-- name: count_of_company
select count(*) from company_key where company = :company

-- name: page_of_company
-- Latest first.
select key_id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
from company_key where company = :company
order by created_at desc, key_id
limit :page offset :skipped

-- name: revoke
update company_key set revoked_at = :now where company = :company and key_id = :key_id and revoked_at is null

-- name: mark_used
-- A slower process must not turn the time back.
update company_key set last_used_at = :at
where company = :company and key_id = :key_id and coalesce(last_used_at, 0) < :at
