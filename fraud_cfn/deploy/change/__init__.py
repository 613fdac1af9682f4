"""The way of a change: template and parameters, change set, preview, guards, execution."""
