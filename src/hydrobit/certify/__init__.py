"""Grades somebody else's client against what really happens in a field: scenarios, what was seen, and a judgement."""
