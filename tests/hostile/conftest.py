"""The same examples in every run, and no clock: a failure here is one everywhere."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
settings.load_profile("fixed")
