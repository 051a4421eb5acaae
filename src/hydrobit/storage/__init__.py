"""The engine port and its engines: transactions as plain functions, named SQL, numbered migrations."""
