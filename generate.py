#!/usr/bin/env python3
"""Write templates/fraud-platform.yaml from the builders in fraud_cfn/."""

from fraud_cfn.template.generation import main

if __name__ == "__main__":
    raise SystemExit(main())
