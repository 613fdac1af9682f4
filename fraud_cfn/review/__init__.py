"""Predicts what deploying a changed template will do, from the two files alone.

`model` reads a template · `resolve` evaluates it as far as values are known · `pair` puts both sides
together, world by world · the rest judges. Pure: no SDK, no builder, no network.
"""
