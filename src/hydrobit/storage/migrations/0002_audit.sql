-- Who changed what in a company; what it says of persons stands in `personal`.
create table audit (
    company integer not null references company (company),
    audit_no integer not null,
    at integer not null,
    actor text not null,
    action text not null,
    subject text not null,
    before_digest blob,
    after_digest blob,
    primary key (company, audit_no)
) strict, without rowid;
