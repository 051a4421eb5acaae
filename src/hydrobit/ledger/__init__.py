"""The ledger: append, read, verify. The only code that writes movements; nothing in it updates or deletes one."""
