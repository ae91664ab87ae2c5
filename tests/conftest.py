"""Fixtures for every test."""

import os

os.environ["GENBA_LANG"] = "en"  # what tests compare is English, whatever the language of the machine

pytest_plugins = ["tests.peers.fixtures", "tests.requirements.running"]
