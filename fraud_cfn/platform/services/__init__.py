"""The workloads: one module each, with everything that is its own, its permissions included."""
