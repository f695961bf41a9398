"""The key by which the app proves who it is, where an EHR registers it as confidential.

One private key as JSON (RFC 7517). Its public part stands at /smart/jwks.json. All hosts of one
service need the same file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from cds_service.keys.files import create_file, read_private_file
from cds_service.keys.service import KeysRefused

FILE = "smart.json"
ALGORITHM = "ES384"  # one of the two that SMART App Launch asks every server to know
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523
LASTS_S = 240  # SMART: five minutes at most, by the other's clock


class AppKey:
    """The key of a file, read once."""

    def __init__(self, path: Path) -> None:
        """Read it; made where there is none.

        Raises:
            KeysRefused: it cannot be made or read, others may read it, or it is no such key.
        """
        create_file(path, _new_text)
        try:
            self._key = ECKey.import_key(json.loads(read_private_file(path)))
            is_ours = self._key.is_private and self._key.curve_name == "P-384"
        except (ValueError, TypeError, LookupError, JoseError):
            is_ours = False
        if not is_ours:
            raise KeysRefused(
                f"{path}: not a private key for {ALGORITHM} as JSON: restore it from its backup, "
                "or move it away to have a new one made, and register that with each EHR"
            )

    def jwks(self) -> dict[str, Any]:
        """The public key, as EHRs read it."""
        public = self._key.as_dict(private=False)
        return {"keys": [public | {"kid": self._key.kid, "use": "sig", "alg": ALGORITHM}]}

    def proof(self, client_id: str, token_url: str, now_s: int) -> Mapping[str, str]:
        """What a form to a token endpoint holds to say that we are the client (RFC 7523)."""
        claims = {"iss": client_id, "sub": client_id, "aud": token_url, "jti": str(uuid4())}
        times = {"iat": now_s, "exp": now_s + LASTS_S}
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        token = jwt.encode(header, claims | times, self._key, algorithms=[ALGORITHM])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


def _new_text() -> str:
    key = ECKey.generate_key("P-384", {"kid": str(uuid4())})
    return json.dumps(key.as_dict(private=True)) + "\n"
