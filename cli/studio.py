"""tm-studio: play a map in the browser."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbremap_runtime.errors import ConnectionFailed, MissingExtra
from timbremap_runtime.service.settings import ServiceSettings
from timbremap_runtime.service.targets import Target

from ._common import add_scale, command, parser, positive
from .serve import address, log_to, port

if TYPE_CHECKING:
    from timbremap_studio.models import Models
    from timbremap_studio.pages import Pages

PORT = 8600
LARGEST_HEAD = 16_384
"""Bytes of a request without its content, which nobody reads."""

OSC_TARGET = ("127.0.0.1", 9001)
OSC_PORT = ServiceSettings().port
PRIVATE = ("127.0.0.1", "localhost", "::1")


@command
def main(argv: list[str] | None = None) -> None:
    """Serve the page."""
    args = arguments().parse_args(argv)
    log_to(args.log)
    try:
        from timbremap_studio.models import Models, shipped
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "starlette", "studio") from None

    models = Models(args.models or shipped(), args.scale)
    if args.list:
        print("\n".join(models.names()))
        return
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):  # how it ends
        asyncio.run(serve(args, models))


def arguments() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    made = parser(
        "Play a map in the browser: a pad, all parameters, and the sounds it was learned from.\n"
        "Without MODELS, the models that come with TimbreMap. Ctrl-C ends it.",
        "tm-studio\n  tm-studio demo/model --to 9001",
    )
    add = made.add_argument
    add(
        "models",
        type=Path,
        nargs="*",
        metavar="MODELS",
        help="model folders, or folders of models (default: those that come with TimbreMap)",
    )
    add("--load", metavar="NAME", help="the first model (default: the first by name)")
    add("--list", action="store_true", help="print the names of the models, and end")
    add("--port", type=port, help=f"where to serve the page (default: {PORT}, or a free port)")
    add(
        "--host",
        default=PRIVATE[0],
        help="0.0.0.0 lets other machines in, with the token in the address that is printed",
    )
    add("--no-browser", action="store_true", help="only print the address")
    add_scale(made)
    add("--log", type=Path, metavar="FILE", help="write warnings there, not to standard error")
    out = made.add_argument_group("synthesizers and controllers")
    add = out.add_argument
    add(
        "--to",
        type=address,
        action="append",
        metavar="[HOST:]PORT",
        help="where to send parameters over OSC; can be given more than once"
        f" (default: {OSC_TARGET[1]})",
    )
    add("--named", action="store_true", help="also send each parameter as /tm/p/NAME")
    add(
        "--osc-port",
        type=port,
        help=f"where to listen for OSC (default: {OSC_PORT}, or a free port)",
    )
    add("--midi-out", metavar="PORT", help="send parameters to this MIDI output")
    add("--midi-out-cc", type=int, default=20, metavar="CC", help="CC of parameter 0")
    add("--midi-out-channel", type=positive, default=1, help="1 to 16")
    return made


async def serve(args: argparse.Namespace, models: Models) -> None:
    """Serve until told to end."""
    try:
        from uvicorn import Config, Server

        from timbremap_studio.app import make_app
        from timbremap_studio.pages import LARGEST_MESSAGE, Pages
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "starlette", "studio") from None

    with contextlib.ExitStack() as opened:
        play = opened.enter_context(midi_output(args)).play if args.midi_out else None
        listening = opened.enter_context(bound(args.host, args.port))
        token = None if args.host in PRIVATE else secrets.token_urlsafe(16)
        pages = Pages(models.library, settings(args), play)
        async with pages.service:
            own_port = listening.getsockname()[1]
            config = Config(
                make_app(models, pages, own_port, token),
                log_level="warning",
                lifespan="off",
                ws="websockets-sansio",
                ws_max_size=LARGEST_MESSAGE,
                h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_graceful_shutdown=1,
                server_header=False,
            )
            introduce(args, pages, own_port, token)
            await Server(config).serve([listening])


def settings(args: argparse.Namespace) -> ServiceSettings:
    """Return what the OSC service is told; its port is a free one if the usual one is taken."""
    targets = [Target(to, args.named) for to in args.to or [OSC_TARGET]]
    osc_port = args.osc_port
    if osc_port is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((PRIVATE[0], OSC_PORT))
                osc_port = OSC_PORT
            except OSError:
                osc_port = 0
    return ServiceSettings(PRIVATE[0], osc_port, targets, args.load, args.scale)


def bound(host: str, port: int | None) -> socket.socket:
    """Open the socket of the page.

    Raises
    ------
    ConnectionFailed
        The port is taken, or the host is none of this machine's.
    """
    choices = [PORT, 0] if port is None else [port]
    for choice in choices:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, choice))
            listening.listen()  # who comes before all is ready has to wait, and is not refused
            return listening
        except (OSError, UnicodeError) as error:
            listening.close()
            if choice == choices[-1]:
                reason = getattr(error, "strerror", None) or "not a host name"
                raise ConnectionFailed(
                    f"cannot listen on {host}:{choice} ({reason}); give another --port or --host"
                ) from None
    raise AssertionError("unreachable")


def introduce(args: argparse.Namespace, pages: Pages, port: int, token: str | None) -> None:
    """Say where the page is, and open it."""
    host = f"[{args.host}]" if ":" in args.host else args.host
    if args.host in ("0.0.0.0", "::"):
        host = own_address()
    where = f"http://{host}:{port}/" + (f"?token={token}" if token else "")
    osc_host, osc_port = pages.service.address
    targets = ", ".join(f"{h}:{p}" for h, p in (t.address for t in pages.service.targets))
    print(f"open  {where}  in a browser; Ctrl-C ends it", flush=True)
    print(f"OSC in on {osc_host}:{osc_port}, out to {targets}", flush=True)
    has_display = sys.platform != "linux" or any(
        name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not args.no_browser and has_display:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(where)


def own_address() -> str:
    """Return an address of this machine that others reach it by, as far as can be told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses a way out
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()


def midi_output(args: argparse.Namespace) -> Any:
    """Open the MIDI output."""
    from timbremap_runtime.service.midi_ports import MidiOutput

    return MidiOutput(args.midi_out, args.midi_out_cc, args.midi_out_channel - 1)


if __name__ == "__main__":
    raise SystemExit(main())
