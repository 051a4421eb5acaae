"""The mock server: the real rows, rules and ledger over stores in memory, one space for each bearer text."""
