"""What generating, validating and deploying cost; `python -m bench` measures it."""
