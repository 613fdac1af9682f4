"""`python -m fraud_cfn.deploy VERB ENV …`."""

import sys

from fraud_cfn.deploy.cli import main

if __name__ == "__main__":
    sys.exit(main())
