"""`python -m fraud_cfn.deploy VERB ENV …`."""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command begins, Ctrl-C ends it without a word

from fraud_cfn.deploy.cli import main

if __name__ == "__main__":
    sys.exit(main())
