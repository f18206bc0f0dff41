"""Where a copy reads and writes, in a form that reaches worker processes; credentials follow over a pipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from migrate.data.rawitems import ItemTransport
from migrate.data.transport import Credentials, Endpoint, Transport

OpenTransport = Callable[[Endpoint, int, float], ItemTransport]
"""Makes a transport for an endpoint, with so many connections and seconds of patience. Picklable: a function."""


def open_lean(endpoint: Endpoint, connections: int, patience: float) -> ItemTransport:
    """The lean transport: see `Transport`."""
    return Transport(endpoint, connections=connections, patience=patience)


@dataclass(frozen=True)
class EndpointSpec:
    """One side of a copy. `credentials` stays in the coordinating process, and is asked there about once a minute.

    `credentials` gives what is valid now and refreshes by itself, as for `Endpoint`. `open_transport` chooses the
    implementation; it is called once per process.
    """

    url: str
    region: str
    credentials: Callable[[], Credentials] | None = field(repr=False)
    name: str = ""
    open_transport: OpenTransport = open_lean

    def portable(self) -> EndpointSpec:
        """Without the credentials: what a worker process gets."""
        return replace(self, credentials=None)

    def opened(self, connections: int, patience: float, credentials: Callable[[], Credentials]) -> ItemTransport:
        """A transport that asks `credentials` for each request."""
        endpoint = Endpoint(self.url, self.region, credentials, self.name)
        return self.open_transport(endpoint, connections, patience)
