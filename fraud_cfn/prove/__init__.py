"""Proves what can be proven of the template without a cloud: who may do what, and who reaches whom."""
