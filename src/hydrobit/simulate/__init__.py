"""A scale in the field, simulated: it weighs, keeps what it weighed, and sends it when there is a signal."""
