"""What went through a service, and how long it took."""

from __future__ import annotations

import time
from collections import deque


class Traffic:
    """Counts packets and keeps the latest latencies.

    Attributes
    ----------
    packets_in, packets_out : int
        Packets received and sent.
    errors, malformed : int
        Everything that was answered by an error or would have been, and how many of these were
        packets that could not be read.
    unsent : int
        Packets that the system did not take: there is no way to the host, or its queue was full.
    latencies : deque of float
        Seconds from a message to what it made go out, of the latest 10,000.
    """

    def __init__(self):
        self.packets_in = 0
        self.packets_out = 0
        self.errors = 0
        self.malformed = 0
        self.unsent = 0
        self.latencies: deque[float] = deque(maxlen=10_000)
        self._since = (time.monotonic(), 0, 0)

    def line(self) -> str:
        """Rates and latencies since the last call, which starts them anew."""
        now = time.monotonic()
        then, packets_in, packets_out = self._since
        seconds = max(now - then, 1e-9)
        rate_in = (self.packets_in - packets_in) / seconds
        rate_out = (self.packets_out - packets_out) / seconds
        self._since = (now, self.packets_in, self.packets_out)
        text = f"in {rate_in:.0f}/s, out {rate_out:.0f}/s"
        if self.latencies:
            ordered = sorted(self.latencies)
            self.latencies.clear()
            middle, late = (ordered[int(q * (len(ordered) - 1))] * 1e3 for q in (0.5, 0.99))
            text += f", latency p50 {middle:.2f} ms, p99 {late:.2f}, max {ordered[-1] * 1e3:.2f}"
        if self.errors:
            text += f", {self.errors} errors"
        if self.malformed:
            text += f" ({self.malformed} malformed packets)"
        if self.unsent:
            text += f", {self.unsent} packets not sent"
        return text
