"""The voices of the instruments in Pure Data: their Faust sources in vanilla objects.

Formulas and constants are those of the ``.dsp`` beside each patch, with two differences: the
oscillators are not band-limited (a little more aliasing), and the organ's leakage and contacts are
simpler.
"""

from __future__ import annotations

from typing import Any

from pd_patch import Canvas

T60_HZ = 6.91 / 6.283185
"""Cutoff in Hz of a one-pole filter that settles to -60 dB in one second."""


def lfo4_voice(variants: dict[str, Any]) -> Canvas:
    """Make lfo4: LFO, oscillator, filter, envelope."""
    pd = Canvas((1000, 990), "voice")
    controls = {
        "rate": "3 * pow(40 / 3, $f1 / 127)",
        "duty": "0.05 + 0.9 * $f1 / 127",
        "shape": "$f1 / 127",
        "depth": "$f1 / 127",
    }
    value: dict[str, int] = {}
    for i, (name, formula) in enumerate(controls.items()):
        x = 20 + 240 * i
        value[name] = pd.obj(x, 50, f"expr {formula}", pd.obj(x, 20, f"r tm-p{i}-now"))
    fixed = variant_values(pd, variants)

    lfo = pd.obj(20, 290, "phasor~", value["rate"])
    started = pd.obj(160, 240, "sel 1", pd.obj(160, 212, "r tm-note"))
    pd.cord(pd.msg(160, 268, "0", started), (lfo, 1))
    warped = pd.obj(
        20, 322,
        "expr~ if($v1 < $f2, $v1 * 0.5 / max(0.05, $f2),"
        " 0.5 + ($v1 - $f2) * 0.5 / max(0.05, 1 - $f2))",
        lfo, value["duty"],
    )  # fmt: skip
    pulse = pd.obj(620, 322, "expr~ if($v1 < $f2, 1, -1)", lfo, value["duty"])
    # Sine, triangle at a third, pulse; weights that sum to 1.
    low = "max(0, 1 - $f3 * 3) * sin(6.283185 * (abs($v1 - 0.5) - 0.25))"
    middle = "min($f3 * 3, (1 - $f3) * 1.5) * 4 * (abs($v1 - 0.5) - 0.25)"
    shaped = pd.obj(
        20, 366, f"expr~ {low} + {middle} + max(0, $f3 * 1.5 - 0.5) * $v2",
        warped, pulse, value["shape"],
    )  # fmt: skip
    lfo = pd.obj(20, 426, "lop~ 159", shaped)  # a millisecond

    pitch = pd.obj(620, 410, "mtof", pd.obj(620, 382, "r tm-pitch"))
    depth = {
        kind: pd.obj(20 + 130 * i, 484, "*", value["depth"], fixed[f"{kind}_on"])
        for i, kind in enumerate(("fm", "pwm", "fcm", "am"))
    }
    for i, (kind, box) in enumerate(depth.items()):
        again = pd.obj(20 + 130 * i, 456, "t b f", fixed[f"{kind}_on"])
        pd.cord((again, 1), (box, 1))
        pd.cord(again, box)
    hz = pd.obj(20, 514, "expr~ $f2 * pow(2, $f3 * $v1)", lfo, pitch, depth["fm"])
    phase = pd.obj(20, 544, "phasor~", hz)
    pd.cord(pd.msg(330, 514, "0", started), (phase, 1))
    width = pd.obj(
        400, 544, "expr~ min(0.95, max(0.05, 0.05 + 0.9 * $f2 / 127 + 0.45 * $f3 * $v1))",
        lfo, fixed["width"], depth["pwm"],
    )  # fmt: skip
    ramp = "if($v1 < $v2, 2 * $v1 / $v2 - 1, 1 - 2 * ($v1 - $v2) / (1 - $v2))"
    sine = "max(0, 1 - $f3 / 63.5) * sin(6.283185 * (abs($v1 - 0.5) - 0.25))"
    oscillator = pd.obj(
        20, 590,
        f"expr~ {sine} + min($f3 / 63.5, 2 - $f3 / 63.5) * {ramp}"
        " + max(0, $f3 / 63.5 - 1) * (if($v1 < $v2, 1, -1) + 1 - 2 * $v2)",
        phase, width, fixed["wave"],
    )  # fmt: skip

    # Zero-delay state-variable filter, sample by sample; its lowpass is the mean of two states.
    rate = pd.obj(620, 628, "samplerate~", pd.obj(620, 600, "loadbang"))
    g = pd.obj(
        20, 682,
        "expr~ tan(3.141593 * min(0.45,"
        " 30 * pow(2, 9.2 * max(0, min(1, $f2 / 127 + 0.4 * $f3 * $v1))) / $f4))",
        lfo, fixed["cutoff"], depth["fcm"], rate,
    )  # fmt: skip
    damping = pd.obj(520, 700, "expr 2 * pow(0.04, $f1 / 127)", fixed["resonance"])
    v1 = "($y1[-1] + $x2 * ($x1 - $y2[-1])) / (1 + $x2 * ($x2 + $f3))"
    states = pd.obj(
        20, 730,
        f"fexpr~ 2 * {v1} - $y1[-1]; 2 * ($y2[-1] + $x2 * {v1}) - $y2[-1]",
        oscillator, g, damping,
    )  # fmt: skip
    lowpass = pd.obj(20, 820, "*~ 0.5", pd.obj(20, 792, "rzero~ -1", (states, 1)))

    # Envelope: a one-pole that is as fast as the attack, or the release.
    gate = pd.obj(640, 740, "r tm-note")
    envelope = pd.obj(640, 796, "lop~", pd.obj(640, 768, "sig~", gate))
    speed = pd.obj(740, 740, "sel 1 0", gate)
    for i, value_127 in enumerate((36, 61)):
        seconds = 0.001 * 2000 ** (value_127 / 127)
        message = pd.msg(740 + 80 * i, 768, f"{T60_HZ / seconds:.4g}", (speed, i))
        pd.cord(message, (envelope, 1))
    amplitude = pd.obj(220, 820, "expr~ 1 - 0.97 * $f2 * (0.5 - 0.5 * $v1)", lfo, depth["am"])
    level = pd.obj(520, 848, "expr $f1 / 127 * 0.79", fixed["level"])
    voiced = pd.obj(20, 848, "*~", lowpass, envelope)
    voiced = pd.obj(20, 904, "*~", pd.obj(20, 876, "*~", voiced, amplitude), level)
    output(pd, voiced, 932)
    return pd


def variant_values(pd: Canvas, variants: dict[str, Any]) -> dict[str, int]:
    """Put the values that a variant fixes; each box sends its number when a variant is chosen."""
    names = ["wave", "width", "cutoff", "resonance", "level"]
    switches = ["fm_on", "pwm_on", "fcm_on", "am_on"]
    chosen = pd.obj(20, 132, "sel 0 1 2 3", pd.obj(20, 104, "r tm-variant-now"))
    unpacked = pd.obj(420, 200, "unpack" + " f" * 9)
    for i, (variant, content) in enumerate(variants.items()):
        numbers = [content["fixed"][name] for name in names]
        on = [int(content["controls"]["depth"] == f"{switch[:-3]}_depth") for switch in switches]
        message = pd.msg(420, 90 + 26 * i, " ".join(map(str, numbers + on)), (chosen, i))
        pd.cord(message, unpacked)
        if not i:
            pd.cord(pd.obj(240, 90, "loadbang"), message)
        pd.text(340, 90 + 26 * i, variant)
    boxes = {}
    for i, name in enumerate(names + switches):
        boxes[name] = pd.obj(420 + 60 * i, 228, "f", (unpacked, i))
    return boxes


DRAWBARS = [  # octaves above, interval in semitones, when its contact closes in ms
    (0, 0, 1.3), (0, 7, 3.1), (1, 0, 0.2), (2, 0, 2.2), (1, 7, 0.7),
    (3, 0, 3.6), (2, 4, 1.8), (2, 7, 2.7), (4, 0, 4.2),
]  # fmt: skip
LEAKAGE = 0.005


def clonewheel_voice(variants: dict[str, Any]) -> Canvas:
    """Make the organ: wheels, contacts, amplifier, rotary speaker."""
    pd = Canvas((1100, 560), "voice")
    hz = pd.obj(20, 48, "mtof", pd.obj(20, 20, "r tm-pitch"))
    closes = pd.obj(120, 48, "sel 1 0", pd.obj(120, 20, "r tm-note"))
    mixed = pd.obj(20, 170, "*~ 1")
    for i in range(len(DRAWBARS)):
        played = pd.sub(20 + 118 * i, 96, wheel(i))
        pd.cord(hz, played)
        pd.cord(closes, (played, 1))
        pd.cord(played, mixed)
    # 15 ms to -60 dB when the key is let go.
    key = pd.obj(260, 170, "vline~", pd.msg(260, 142, "1", closes))
    let_go = pd.msg(330, 142, "0 15", (closes, 1))
    pd.cord(let_go, key)
    keyed = pd.obj(20, 198, "*~", mixed, key)
    # The contacts bounce, over within 6 ms.
    chatter = pd.obj(520, 170, "vline~", pd.msg(520, 142, "1, 0 6", closes))
    noise = pd.obj(640, 170, "rzero~ 1", pd.obj(640, 142, "noise~"))
    click = pd.obj(520, 198, "expr~ $v1 * $v1 * $v1 * $v2 * 0.06", chatter, noise)
    driven = pd.obj(
        20,
        228,
        "expr~ 0.8 * ($v1 + $v2) / sqrt(1 + 0.64 * ($v1 + $v2) * ($v1 + $v2))",
        keyed,
        click,
    )

    low = pd.obj(20, 304, "lop~ 800", pd.obj(20, 276, "lop~ 800", driven))
    high = pd.obj(300, 304, "hip~ 800", pd.obj(300, 276, "hip~ 800", driven))
    slow = pd.obj(140, 304, "osc~ 5.7")
    fast = pd.obj(500, 304, "osc~ 6.7")
    drum = pd.obj(20, 340, "expr~ $v1 * (0.75 - 0.25 * $v2)", low, slow)
    pd.obj(300, 340, "delwrite~ tm-horn 10", high)
    # The horn's mouth turns 18 cm from its axis: metres over the speed of sound, in ms.
    away = pd.obj(500, 340, "expr~ 1000 * (0.2 - 0.18 * $v1) / 343", fast)
    near = pd.obj(500, 368, "delread4~ tm-horn", away)
    horn = pd.obj(500, 396, "expr~ $v1 * (0.6 + 0.4 * $v2)", near, fast)
    rotary = pd.obj(20, 430, "-~", drum, horn)
    output(pd, pd.obj(20, 458, "*~ 0.43", rotary), 500)
    return pd


def wheel(number: int) -> Canvas:
    """Make one tonewheel with contact and drawbar, from the note in Hz and a bang at its start."""
    octaves, semitones, ms = DRAWBARS[number]
    pd = Canvas((460, 310), f"wheel-{number}")
    hz = pd.obj(20, 20, "inlet")
    # The lowest wheels turn at half the note; fifths and thirds are geared from the note.
    ratio = 2.0**octaves * (2.0 ** (semitones / 12) if semitones else 0.5)
    top = f"ceil(log(max(1e-6, $f1 * {ratio:.6f} / 5930)) / log(2))"
    turning = pd.obj(
        20, 98, "osc~", pd.obj(20, 48, f"expr $f1 * {ratio:.6f} / pow(2, max(0, {top}))", hz)
    )
    contact = pd.obj(
        120, 126, "vline~", pd.msg(120, 98, f"0, 1 0.35 {ms}", pd.obj(120, 20, "inlet"))
    )
    step = "$f1 * 8 / 127"
    drawn = pd.obj(
        20, 182,
        f"expr {LEAKAGE} + if({step} < 1, {step} * 0.08912509, pow(10, 0.15 * ({step} - 8)))",
        pd.obj(20, 154, f"r tm-p{number}-now"),
    )  # fmt: skip
    smooth = pd.obj(80, 256, "lop~ 30", pd.obj(80, 228, "sig~", drawn))
    closed = pd.obj(20, 228, "*~", turning, contact)
    pd.obj(20, 284, "outlet~", pd.obj(20, 256, "*~", closed, smooth))
    return pd


def output(pd: Canvas, sound: int, y: int) -> None:
    """Put the volume, the sound card, and a signal for whoever records."""
    pd.obj(260, y, "s~ tm-sound", sound)
    volume = pd.obj(
        140, y, "lop~ 5", pd.obj(140, y - 24, "sig~", pd.obj(200, y - 24, "r tm-volume"))
    )
    loud = pd.obj(20, y, "*~", sound, volume)
    pd.obj(20, y + 26, "dac~", loud, loud)
