-- name: object_by_digest
select place, content_type, length from object where company = :company and digest = :digest and dropped_at is null

-- name: add_object
insert into object (company, place, digest, content_type, length, touched_at)
values (:company, :place, :digest, :content_type, :length, :now)

-- name: touch_object
update object set touched_at = :now where company = :company and digest = :digest and dropped_at is null

-- name: name_object
update object set names = names + 1 where company = :company and digest = :digest and dropped_at is null

-- name: unname_object
update object set names = names - 1, touched_at = :now
where company = :company and digest = :digest and names > 0 and dropped_at is null

-- name: drop_unnamed
-- What was kept before an instant and is still named by nobody.
update object set dropped_at = :now
where company = :company and names = 0 and dropped_at is null and touched_at < :before

-- name: dropped_objects
select place from object where company = :company and dropped_at is not null order by dropped_at limit 1000

-- name: forget_object
delete from object where company = :company and place = :place and dropped_at is not null

-- name: kept_objects
-- What is to be there, in all companies, whether rows name it already or not yet.
select company, place, digest, length, names from object
where (company, place) > (:company, :place) and dropped_at is null
order by company, place
limit :page

-- name: named_objects
-- What rows name, in all companies: a backup must not lack it.
select company, place from object
where (company, place) > (:company, :place) and names > 0 and dropped_at is null
order by company, place
limit :page
