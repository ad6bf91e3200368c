"""The services that need no rights of root work without them."""

import os
import shutil

import pytest

from harness import Coordinator, Master


@pytest.mark.parametrize("kind", [Coordinator, Master])
def test_serves_without_capabilities(testbed, kind):
    """Coordinator and master serve clients when they have no capabilities, as under a user of their own."""
    program = testbed.new(kind)
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("setpriv is not installed: apt-get install util-linux")
        program.arguments[:0] = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    program.start_timeout = 5
    program.start_and_wait()
