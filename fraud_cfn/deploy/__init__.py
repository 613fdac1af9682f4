"""Deploys the committed template by change set, and operates what it made.

Reads the rendered file, never the builders: what was reviewed is what is deployed.
"""
