"""tm-serve: play a model from patches, controllers and scripts, over OSC and MIDI."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbremap_runtime.errors import PathError
from timbremap_runtime.service.settings import ServiceSettings
from timbremap_runtime.service.targets import Target

from ._common import add_scale, command, parser, positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from timbremap_runtime.service.library import Library
    from timbremap_runtime.service.message_log import LoggedMessage, MessageLog
    from timbremap_runtime.service.osc import OscService

DEFAULTS = ServiceSettings()
TARGET = ("127.0.0.1", 9001)
WEKINATOR_PORT = 12000
LOG_LINES_PER_SECOND = 10
"""A flood of bad packets must not fill the disk."""


@command
def main(argv: list[str] | None = None) -> None:
    """Serve a model."""
    args = arguments().parse_args(argv)
    log_to(args.log)
    if args.midi == "list":
        from timbremap_runtime.service.midi_ports import input_names

        print("\n".join(input_names()) or "no MIDI input")
        return
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):  # how it ends
        asyncio.run(serve(args))


def arguments() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    made = parser(
        "Play a model, or a folder of models, over OSC: a patch sends /tm/c x y z and gets\n"
        "/tm/p with all parameters. Ctrl-C ends it.",
        "tm-serve models --status",
    )
    add = made.add_argument
    add("model", type=Path, help="a model folder, its timbremap folder, or a folder of models")
    add("--load", metavar="NAME", help="the first model (default: the first by name)")
    add("--port", type=port, default=DEFAULTS.port, help="where to listen; 0 takes a free port")
    add("--host", default=DEFAULTS.host, help="0.0.0.0 lets other machines in")
    add(
        "--to",
        type=address,
        action="append",
        metavar="[HOST:]PORT",
        help=f"where to send parameters; can be given more than once (default: {TARGET[1]})",
    )
    add("--named", action="store_true", help="also send each parameter as /tm/p/NAME")
    add("--z", action="store_true", help="also send the place in the latent space as /tm/z")
    add(
        "--wekinator",
        type=address,
        metavar="[HOST:]PORT",
        help=f"send /wek/outputs there, 0 to 1 (Wekinator's own port is {WEKINATOR_PORT})",
    )
    add_scale(made)
    add(
        "--smooth",
        type=float,
        default=DEFAULTS.smoothing_ms,
        metavar="MS",
        help="time constant of smoothing",
    )
    add("--status", action="store_true", help="print rates and latencies once a second")
    add("--log", type=Path, metavar="FILE", help="write warnings there, not to standard error")
    add("--record", type=Path, metavar="FILE", help="write every message with its time to a log")
    add("--replay", type=Path, metavar="FILE", help="play the messages of such a log, and end")
    midi = made.add_argument_group("MIDI")
    add = midi.add_argument
    add("--midi", metavar="PORT", help="move the point by a MIDI input; 'list' names them")
    add(
        "--midi-cc",
        metavar="CC,CC,...",
        help="plain CCs instead of MPE, e.g. 1,2,11; bend and pressure may be among them",
    )
    add("--mpe-zone", choices=("lower", "upper"), default="lower", help="which zone to follow")
    add("--mpe-y", type=int, default=74, metavar="CC", help="the CC that is y")
    add("--mpe-span", type=float, metavar="SEMITONES", help="bend that x spans (default: all)")
    add("--midi-out", metavar="PORT", help="send parameters to this MIDI output")
    add("--midi-out-cc", type=int, default=20, metavar="CC", help="CC of parameter 0")
    add("--midi-out-channel", type=positive, default=1, help="1 to 16")
    return made


def log_to(file: Path | None) -> None:
    """Write warnings to a file or to standard error, a few a second at most."""
    second, count = 0, 0

    def few(record: logging.LogRecord) -> bool:
        nonlocal second, count
        if int(record.created) != second:
            second, count = int(record.created), 0
        count += 1
        return count <= LOG_LINES_PER_SECOND

    try:
        handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    except OSError as error:
        raise PathError(
            f"{file}: cannot be written ({error.strerror}); give another file to --log"
        ) from None
    handler.addFilter(few)
    logging.basicConfig(
        handlers=[handler], level=logging.WARNING, format="%(asctime)s %(message)s", force=True
    )


def port(text: str) -> int:
    """Read a port to listen on, as an argument's type."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; use 0 to 65535")
    return int(text)


def address(text: str) -> tuple[str, int]:
    """Read ``PORT`` or ``HOST:PORT``, as an argument's type."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; use 9001, or HOST:9001")
    return host.strip("[]") or TARGET[0], int(port)  # IPv6 stands in brackets


async def serve(args: argparse.Namespace) -> None:
    """Serve until told to end, or until a log has been replayed."""
    from timbremap_runtime.service.library import Library
    from timbremap_runtime.service.message_log import MessageLog, read_messages
    from timbremap_runtime.service.osc import OscService

    end_on_signals()
    targets = [Target(to, args.named, args.z) for to in args.to or [TARGET]]
    if args.wekinator:
        targets.append(Target(args.wekinator, wekinator=True))
    settings = ServiceSettings(args.host, args.port, targets, args.load, args.scale, args.smooth)
    messages = list(read_messages(args.replay)) if args.replay else None
    library = Library(args.model)
    log: MessageLog | None = None

    def record(path: str, values: Sequence[Any]) -> None:
        if log:
            log.write(path, values)

    async with contextlib.AsyncExitStack() as opened:
        service = OscService(
            library,
            settings,
            on_message=record if args.record else None,
            on_play=opened.enter_context(midi_output(args)).play if args.midi_out else None,
        )
        if args.midi:
            opened.enter_context(midi_input(args, service))
        await opened.enter_async_context(service)
        if args.record:  # nothing is written unless all else is well
            log = opened.enter_context(MessageLog(args.record))
        introduce(service, library)
        if messages is not None:
            await replay(service, messages)
        elif args.status:
            await report(service)
        else:
            await asyncio.get_running_loop().create_future()


def end_on_signals() -> None:
    """Let Ctrl-C and a request to end cancel what runs, so that all is closed."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows interrupts
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def introduce(service: OscService, library: Library) -> None:
    """Say what is played, and where."""
    name, mapping, names = service.model
    host, port = service.address
    print(
        f"{name}: {mapping.control_size} controls, {mapping.parameter_size} parameters"
        f" ({', '.join(names)}); listening on {host}:{port},"
        f" sending to {', '.join(f'{h}:{p}' for h, p in (t.address for t in service.targets))}",
        flush=True,
    )
    if len(library.names()) > 1:
        print(f"/tm/load takes {', '.join(library.names())}", flush=True)
    numbered = [word for name, word in zip(names, service.words, strict=True) if name.isdigit()]
    if numbered:
        print(
            f"note: in /tm/p/1 a number counts from 0; parameters named by one are"
            f" {', '.join(f'/tm/p/{word}' for word in numbered)}",
            flush=True,
        )


def midi_output(args: argparse.Namespace) -> Any:
    """Open the MIDI output."""
    from timbremap_runtime.service.midi_ports import MidiOutput

    return MidiOutput(args.midi_out, args.midi_out_cc, args.midi_out_channel - 1)


def midi_input(args: argparse.Namespace, service: OscService) -> Any:
    """Open the MIDI input; its frames move the service."""
    from timbremap_runtime.service.midi_cc import CcDecoder
    from timbremap_runtime.service.midi_ports import MidiInput
    from timbremap_runtime.service.mpe import MpeDecoder

    loop = asyncio.get_running_loop()
    if args.midi_cc:
        decoder = CcDecoder.from_text(args.midi_cc)
    else:
        decoder = MpeDecoder(args.mpe_zone, args.mpe_y, args.mpe_span)

    def take(frame: tuple[float, ...]) -> None:
        # A map may have fewer coordinates than a controller gives, or more: those it has are moved.
        for index, value in enumerate(frame[: service.performer.mapping.control_size]):
            service.handle(f"/tm/c/{index}", [value])

    handle: Callable[..., Any] = take
    return MidiInput(args.midi, decoder, lambda frame: loop.call_soon_threadsafe(handle, frame))


async def replay(service: OscService, messages: Sequence[LoggedMessage]) -> None:
    """Handle logged messages when they are due, and wait until all is played."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for message in messages:
        await asyncio.sleep(max(0.0, start + message.time_s - loop.time()))
        service.handle(message.address, message.values)
    await service.drained()


async def report(service: OscService) -> None:
    """Print a line a second."""
    while True:
        await asyncio.sleep(1.0)
        print(service.traffic.line(), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
