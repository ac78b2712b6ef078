"""`python -m bench`: runs the benchmark. Nothing else belongs here."""

import sys

from bench.run import main

sys.exit(main())
