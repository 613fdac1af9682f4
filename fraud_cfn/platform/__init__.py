"""The platform: a module a section of the template, and `stack`, which puts them in order. Builders only."""
