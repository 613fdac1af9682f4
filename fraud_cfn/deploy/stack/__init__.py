"""The stack as CloudFormation tells it: statuses, events, watching it to an end, why it failed."""
