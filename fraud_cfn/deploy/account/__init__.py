"""The account: credentials and connections, its limits, the secrets that must be there before."""
