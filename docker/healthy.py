"""End with 0 when the service in this container is ready, for the image's HEALTHCHECK."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

try:
    urlopen(f"http://127.0.0.1:{os.environ['PORT']}/readyz", timeout=4)
except (URLError, TimeoutError) as error:
    sys.exit(str(error))
