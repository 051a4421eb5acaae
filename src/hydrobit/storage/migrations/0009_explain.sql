-- The keys that later replays claimed for a record: lines of an explained total.
create index entry_claim on entry (company, answers) where kind = 6;
