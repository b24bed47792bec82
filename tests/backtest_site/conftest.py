"""Which of these tests belong to the account that runs them."""

import os

# Only root runs the server as somebody else; for an ordinary user there is nothing to test here.
collect_ignore = [] if os.geteuid() == 0 else ["test_embedded_postgres_as_root.py"]
