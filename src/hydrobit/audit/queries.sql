-- name: next_number
select coalesce(max(audit_no), 0) + 1 from audit where company = :company

-- name: add
insert into audit (company, audit_no, at, actor, action, subject, before_digest, after_digest)
values (:company, :audit_no, :at, :actor, :action, :subject, :before_digest, :after_digest)

-- name: texts_about
-- What the log says of one subject, such as a worker; actions of one kind begin alike.
select before_digest, after_digest from audit
where company = :company and subject = :subject and substr(action, 1, length(:kind)) = :kind
order by audit_no
limit 1000000

-- name: page
-- Latest first; what was erased has no text.
select a.audit_no, a.at, a.actor, a.action, a.subject, b.text, n.text
from audit as a
left join personal as b on b.company = a.company and b.digest = a.before_digest
left join personal as n on n.company = a.company and n.digest = a.after_digest
where a.company = :company and a.audit_no < :before
order by a.audit_no desc
limit :page
