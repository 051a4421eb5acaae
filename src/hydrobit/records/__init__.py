"""Production records: units counted for a worker in a session, and their voids."""
