-- What a worker's sum of a day is made of: the sessions of a day, and the keys that later replays claimed for a record.
create index session_of_day on session (company, day, session_no);
create index entry_claim on entry (company, answers) where kind = 6;
