"""tm-serve: a mapping for patches to talk to, over OSC."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbremap_runtime.errors import SettingsError

from ._common import command, parser, positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from timbremap_runtime.service.osc import OscService

WEKINATOR_PORT = 12000
LOG_LINES_PER_SECOND = 10
"""A flood of bad packets must not fill the disk."""


@command
def main(argv: list[str] | None = None) -> None:
    """Serve a model."""
    arguments = parser(
        "Play a model, or a folder of models, over OSC: a patch sends /tm/c x y z and gets\n"
        "/tm/p with all parameters. Ctrl-C ends it.",
        "tm-serve models --status",
    )
    add = arguments.add_argument
    add("model", type=Path, help="a model folder, its timbremap folder, or a folder of models")
    add("--load", metavar="NAME", help="the first model (default: the first there is)")
    add("--port", type=port, default=9000, help="where to listen; 0 takes a free port")
    add("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    add(
        "--to",
        type=address,
        action="append",
        metavar="[HOST:]PORT",
        help="where to send parameters; may be given again (default: 9001)",
    )
    add("--named", action="store_true", help="send each parameter as /tm/p/NAME too")
    add("--z", action="store_true", help="send the point in the latent space as /tm/z too")
    add(
        "--wekinator",
        type=address,
        metavar="[HOST:]PORT",
        help=f"send /wek/outputs there, 0 to 1 (Wekinator's own port is {WEKINATOR_PORT})",
    )
    add("--scale", choices=("normal", "uniform"), default="normal", help="of the control space")
    add("--smooth", type=float, default=0.0, metavar="MS", help="time constant of smoothing")
    add("--status", action="store_true", help="print rates and latencies once a second")
    add("--log", type=Path, metavar="FILE", help="write warnings there, not to standard error")
    add("--record", type=Path, metavar="FILE", help="keep every message with its time")
    add("--replay", type=Path, metavar="FILE", help="play what was recorded, and end")
    midi = arguments.add_argument_group("MIDI")
    add = midi.add_argument
    add("--midi", metavar="PORT", help="take control from a MIDI input; 'list' names them")
    add("--midi-cc", metavar="CC,CC,...", help="plain controllers instead of MPE, e.g. 1,2,11")
    add("--mpe-zone", choices=("lower", "upper"), default="lower", help="which zone to follow")
    add("--mpe-y", type=int, default=74, metavar="CC", help="the controller that is y")
    add("--mpe-span", type=float, metavar="SEMITONES", help="bend that x spans (default: all)")
    add("--midi-out", metavar="PORT", help="send parameters to this MIDI output")
    add("--midi-out-cc", type=int, default=20, metavar="CC", help="controller of parameter 0")
    add("--midi-out-channel", type=positive, default=1, help="1 to 16")
    args = arguments.parse_args(argv)

    log_to(args.log)
    if args.midi == "list":
        from timbremap_runtime.service.midi_ports import input_names

        print("\n".join(input_names()) or "no MIDI input")
        return
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):  # how it ends
        asyncio.run(serve(args))


def log_to(file: Path | None) -> None:
    """Write warnings to a file or to standard error, a few a second at most."""
    second, count = 0, 0

    def few(record: logging.LogRecord) -> bool:
        nonlocal second, count
        if int(record.created) != second:
            second, count = int(record.created), 0
        count += 1
        return count <= LOG_LINES_PER_SECOND

    handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    handler.addFilter(few)
    logging.basicConfig(
        handlers=[handler], level=logging.WARNING, format="%(asctime)s %(message)s", force=True
    )


def port(text: str) -> int:
    """Read a port to listen on, as an argument's type."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: give 0 to 65535")
    return int(text)


def address(text: str) -> tuple[str, int]:
    """Read ``PORT`` or ``HOST:PORT``, as an argument's type."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port, nor a host and a port")
    return host or "127.0.0.1", int(port)


async def serve(args: argparse.Namespace) -> None:
    """Run the service until it is told to end."""
    from timbremap_runtime.service.library import Library
    from timbremap_runtime.service.message_log import Recorder, read_recording
    from timbremap_runtime.service.osc import OscService, Target

    targets = [Target(to, args.named, args.z) for to in args.to or [("127.0.0.1", 9001)]]
    if args.wekinator:
        targets.append(Target(args.wekinator, wekinator=True))
    events = list(read_recording(args.replay)) if args.replay else None
    library = Library(args.model)
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows interrupts
            loop.add_signal_handler(number, task.cancel)
    ports: list[Any] = []
    on_play = None
    if args.midi_out:
        from timbremap_runtime.service.midi_ports import MidiOutput

        output = MidiOutput(args.midi_out, args.midi_out_cc, args.midi_out_channel - 1)
        ports.append(output)
        on_play = output.play
    recorder: Recorder | None = None

    def record(path: str, values: Sequence[Any]) -> None:
        if recorder:
            recorder.write(path, values)

    service = OscService(
        library,
        args.load,
        targets,
        args.scale,
        args.smooth,
        on_message=record if args.record else None,
        on_play=on_play,
    )
    try:
        if args.midi:
            ports.append(open_midi(args, service, loop))
        host, port = await service.serve(args.host, args.port)
        if args.record:  # nothing is written unless all else is well
            recorder = Recorder(args.record)
        name, mapping, names = service.model
        print(
            f"{name}: {mapping.control_size} controls, {mapping.parameter_size} parameters"
            f" ({', '.join(names)}); listening on {host}:{port},"
            f" sending to {', '.join(f'{h}:{p}' for h, p in (t.address for t in targets))}",
            flush=True,
        )
        if len(library.names()) > 1:
            print(f"/tm/load takes {', '.join(library.names())}", flush=True)
        if events is None:
            await (report(service) if args.status else loop.create_future())
        else:
            start = loop.time()
            for event in events:
                await asyncio.sleep(max(0.0, start + event.time_s - loop.time()))
                service.handle(event.address, event.values)
            await service.drained()
    finally:
        service.close()
        for opened in ports:
            opened.close()
        if recorder:
            recorder.close()


def open_midi(
    args: argparse.Namespace, service: OscService, loop: asyncio.AbstractEventLoop
) -> Any:
    """Open the MIDI input; its frames move the service."""
    from timbremap_runtime.service.midi import ControllerDecoder, MpeDecoder
    from timbremap_runtime.service.midi_ports import MidiInput

    if args.midi_cc:
        try:
            controllers = [int(word) for word in args.midi_cc.split(",")]
        except ValueError:
            raise SettingsError(f"--midi-cc {args.midi_cc}: give numbers with commas") from None
        decoder = ControllerDecoder(controllers)
    else:
        decoder = MpeDecoder(args.mpe_zone, args.mpe_y, args.mpe_span)

    def take(frame: tuple[float, ...]) -> None:
        # A map may have fewer controls than a pad, or more: those it has are moved.
        for index, value in enumerate(frame[: service.performer.mapping.control_size]):
            service.handle(f"/tm/c/{index}", [value])

    handle: Callable[..., Any] = take
    return MidiInput(args.midi, decoder, lambda frame: loop.call_soon_threadsafe(handle, frame))


async def report(service: OscService) -> None:
    """Print a line a second."""
    while True:
        await asyncio.sleep(1.0)
        print(service.traffic.line(), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
