"""One request to the scoring server: within the time that is left, each failure in words."""

import time
from typing import Any

import requests

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable

MOST_BYTES = 16 * 1024 * 1024
PAUSE_S = 0.02  # before the same request is made again
AGAIN = frozenset({429, 500, 502, 503, 504})  # may go through the next time


class Answerless(Exception):  # noqa: N818 - a situation, named as such
    """The server did not answer this request in a way that can be used."""

    def __init__(self, reason: str, *, may_try_again: bool) -> None:
        super().__init__(reason)
        self.may_try_again = may_try_again


class ServerHttp:
    """JSON in, JSON out. Never follows a redirect: the prompt is a patient's."""

    def __init__(self, url: str, key: str | None, attempts: int) -> None:
        self._url, self._attempts = url.rstrip("/"), attempts
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy that the environment happens to name
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def ask(self, method: str, path: str, body: Any, deadline: Deadline) -> Any:
        """Make one request, again where that may help and time is left.

        Raises:
            ScorerUnavailable: no usable answer in time; the reason holds no patient's data.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(method, path, body, deadline)
            except Answerless as failure:
                if not failure.may_try_again or attempt == self._attempts:
                    raise ScorerUnavailable(f"the scoring server {failure}") from failure
                time.sleep(min(PAUSE_S, deadline.left_s()))
        raise AssertionError("attempts is at least 1")

    def _once(self, method: str, path: str, body: Any, deadline: Deadline) -> Any:
        left = deadline.left_s()
        if not left:
            raise Answerless("did not answer in time", may_try_again=False)
        try:
            answer = self._session.request(
                method, f"{self._url}{path}", json=body, timeout=left, allow_redirects=False
            )
        except requests.Timeout:
            raise Answerless("did not answer in time", may_try_again=False) from None
        except requests.RequestException as error:
            reason = f"cannot be reached ({type(error).__name__})"
            raise Answerless(reason, may_try_again=True) from None
        if answer.status_code != 200:
            again = answer.status_code in AGAIN
            raise Answerless(f"answered {answer.status_code} to {path}", may_try_again=again)
        return _json(answer, path)


def _json(answer: requests.Response, path: str) -> Any:
    if len(answer.content) > MOST_BYTES:
        raise Answerless(f"sent {len(answer.content)} bytes for {path}", may_try_again=False)
    try:
        return answer.json()
    except ValueError:
        raise Answerless(f"sent no JSON for {path}", may_try_again=False) from None
