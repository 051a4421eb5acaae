-- name: next_number
select coalesce(max(audit_no), 0) + 1 from audit where company = :company

-- name: add
insert into audit (company, audit_no, at, actor, action, subject, before_digest, after_digest)
values (:company, :audit_no, :at, :actor, :action, :subject, :before_digest, :after_digest)

-- name: page
-- Latest first; what was erased has no text.
select a.audit_no, a.at, a.actor, a.action, a.subject, b.text, n.text
from audit as a
left join personal as b on b.company = a.company and b.digest = a.before_digest
left join personal as n on n.company = a.company and n.digest = a.after_digest
where a.company = :company and a.audit_no < :before
order by a.audit_no desc
limit :page
