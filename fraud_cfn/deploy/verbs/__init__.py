"""One module a verb: `run(session, suffix, console, *, <its options>)` returns an `Outcome`."""
