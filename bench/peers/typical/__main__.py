"""Serve the typical service: `python -m bench.peers.typical PORT`."""

import sys

from bench.peers.serving import serve
from bench.peers.typical.app import create_app
from bench.peers.typical.settings import Settings

serve(create_app(Settings.from_environment()), int(sys.argv[1]), lifespan="on")
