"""The terminal: what is written to and asked on it, the clock, signals. Knows nothing of AWS."""
