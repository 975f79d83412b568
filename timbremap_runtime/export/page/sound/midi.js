// Web MIDI: notes in, with MPE's pitch bend, CC 74 and pressure as a point of each note; CCs out.

const MEMBER_BEND_RANGE = 48;
const MASTER_BEND_RANGE = 2;
const RPN_NONE = 0x3fff;

const inUnit = (x) => Math.min(Math.max(x, 0), 1);

/**
 * Follows an MPE zone by the rules of timbremap_runtime.service.mpe, and tells every note's point.
 *
 * decode(bytes) returns what follows from a message, in order:
 * {kind: "on", id, note, velocity, point}, {kind: "off", id}, {kind: "move", id, point}, and
 * {kind: "follow", point}, the point of the latest note that sounds. Channels beside the zone, and
 * the master's, play notes too; their point is null.
 */
export class MpeDecoder {
  constructor({ zone = "lower", yCc = 74 } = {}) {
    this.lower = zone === "lower";
    this.yCc = yCc;
    this.master = this.lower ? 0 : 15;
    this.members = 15;
    this.memberRange = MEMBER_BEND_RANGE;
    this.masterRange = MASTER_BEND_RANGE;
    this.channels = Array.from({ length: 16 }, () => ({
      bend: 0, y: 64, pressure: 0, rpn: RPN_NONE, coarse: 0,
    }));
    this.sounding = []; // of members: {channel, note, id, pressure}
    this.plain = new Set(); // ids of the others
    this.followed = null;
  }

  isMember(channel) {
    return this.lower
      ? channel >= 1 && channel <= this.members
      : channel <= 14 && channel > 14 - this.members;
  }

  decode([status, first = 0, second = 0]) {
    const number = status & 15;
    const kind = status >> 4;
    if (kind < 8 || kind === 15) return [];
    if (!this.isMember(number)) {
      const said = this.plainNote(kind, number, first, second);
      if (said !== null) return said;
      if (number !== this.master) return [];
    }
    const channel = this.channels[number];
    const said = [];
    const id = `${number}:${first}`;
    if (kind === 8 || (kind === 9 && second === 0)) {
      this.end(id, said);
    } else if (kind === 9) {
      this.end(id, said);
      const note = { channel: number, note: first, id, pressure: null };
      this.sounding.push(note);
      said.push({ kind: "on", id, note: first, velocity: second, point: this.point(note) });
    } else if (kind === 10) {
      const note = this.sounding.find((each) => each.id === id);
      if (!note) return said;
      note.pressure = second;
      this.moved(number, said);
    } else if (kind === 11) {
      if (first === this.yCc) channel.y = second;
      else this.control(number, channel, first, second, said);
      this.moved(number, said);
    } else if (kind === 13) {
      channel.pressure = first;
      for (const note of this.sounding) if (note.channel === number) note.pressure = null;
      this.moved(number, said);
    } else if (kind === 14) {
      channel.bend = (first + 128 * second - 8192) / 8192;
      this.moved(number, said);
    } else {
      return said;
    }
    this.follow(number, said);
    return said;
  }

  /** Notes of the master and of channels beside the zone. */
  plainNote(kind, number, note, velocity) {
    if (kind !== 8 && kind !== 9) return null;
    const id = `${number}:${note}`;
    const said = this.plain.delete(id) ? [{ kind: "off", id }] : [];
    if (kind === 9 && velocity > 0) {
      this.plain.add(id);
      said.push({ kind: "on", id, note, velocity, point: null });
    }
    return said;
  }

  end(id, said) {
    const before = this.sounding.length;
    this.sounding = this.sounding.filter((each) => each.id !== id);
    if (this.sounding.length < before) said.push({ kind: "off", id });
  }

  moved(number, said) {
    for (const note of this.sounding) {
      if (note.channel === number || number === this.master) {
        said.push({ kind: "move", id: note.id, point: this.point(note) });
      }
    }
  }

  follow(number, said) {
    const before = this.followed;
    const latest = this.sounding.at(-1);
    if (latest) this.followed = latest.channel;
    if (this.followed === null) return;
    if (![this.followed, before, this.master].includes(number)) return;
    const point = this.point(latest ?? { channel: this.followed, pressure: 0 });
    said.push({ kind: "follow", point });
  }

  point({ channel, pressure }) {
    const { bend, y, pressure: ofChannel } = this.channels[channel];
    const semitones = bend * this.memberRange + this.channels[this.master].bend * this.masterRange;
    const x = this.memberRange ? 0.5 + semitones / (2 * this.memberRange) : 0.5;
    return [inUnit(x), y / 127, (pressure ?? ofChannel) / 127];
  }

  control(number, channel, cc, value, said) {
    if (cc === 120 || cc === 123) {
      const all = number === this.master;
      for (const { channel: own, id } of [...this.sounding]) {
        if (all || own === number) this.end(id, said);
      }
      for (const id of [...this.plain]) {
        if (all && this.plain.delete(id)) said.push({ kind: "off", id });
      }
    } else if (cc === 98 || cc === 99) {
      channel.rpn = RPN_NONE; // the data that follows is for something else
    } else if (cc === 101) {
      channel.rpn = (channel.rpn & 0x7f) | (value << 7);
    } else if (cc === 100) {
      channel.rpn = (channel.rpn & 0x3f80) | value;
    } else if (cc === 6 && channel.rpn === 6 && number === this.master) {
      this.members = Math.min(value, 15);
      this.memberRange = MEMBER_BEND_RANGE;
      this.masterRange = MASTER_BEND_RANGE;
      for (const { channel: own, id } of [...this.sounding]) if (!this.isMember(own)) this.end(id, said);
    } else if ((cc === 6 || cc === 38) && channel.rpn === 0) {
      if (cc === 6) channel.coarse = value;
      const semitones = channel.coarse + (cc === 38 ? value / 100 : 0);
      if (number === this.master) this.masterRange = semitones;
      else this.memberRange = semitones; // one member speaks for all
    }
  }
}

/**
 * Listen to all MIDI inputs, those that are plugged in later too.
 *
 * @param player with noteOn(note, velocity, id, values) and noteOff(id), setParameters(values, id)
 * @param parametersAt from a point of three numbers to the parameters there
 * @param follow told the point of the latest note
 * @param changed told the names of the inputs and outputs, at once and when they change
 */
export async function createMidi(
  player,
  { parametersAt, follow = () => {}, changed = () => {}, ...options }
) {
  if (!navigator.requestMIDIAccess) throw new Error("this browser gives this page none");
  const access = await navigator.requestMIDIAccess();
  const decoder = new MpeDecoder(options);

  function take({ data }) {
    for (const { kind, id, note, velocity, point } of decoder.decode(data)) {
      const own = point && kind !== "follow" ? parametersAt(point) : null;
      if (kind === "on") player.noteOn(note, velocity, `midi ${id}`, own);
      else if (kind === "off") player.noteOff(`midi ${id}`);
      else if (kind === "move") player.setParameters(own, `midi ${id}`);
      else follow(point);
    }
  }

  function listen() {
    for (const input of access.inputs.values()) input.onmidimessage = take;
    changed({
      inputs: Array.from(access.inputs.values(), ({ name }) => name),
      outputs: Array.from(access.outputs.values(), ({ name }) => name),
    });
  }

  access.onstatechange = listen;
  listen();
  return {
    access,
    close() {
      access.onstatechange = null;
      for (const input of access.inputs.values()) input.onmidimessage = null;
    },
  };
}

/** A synth on a MIDI output: it takes what a player takes, and parameters as CCs from the first on. */
export function createMidiOut(port, { firstCc = 20, channel = 0 } = {}) {
  const notes = new Map(); // id: note
  const sent = [];
  const noteOff = (id) => {
    if (notes.has(id)) port.send([0x80 | channel, notes.get(id), 0]);
    notes.delete(id);
  };
  return {
    noteOn(note, velocity = 100, id = note) {
      noteOff(id);
      notes.set(id, note);
      port.send([0x90 | channel, note, velocity]);
    },
    noteOff,
    get holding() {
      return notes.size > 0;
    },
    allOff: () => [...notes.keys()].forEach(noteOff),
    setParameters(values, id = null) {
      if (id !== null) return; // a channel has one value of each
      Array.from(values, (value) => Math.round(Math.min(Math.max(value, 0), 127))).forEach((value, i) => {
        if (value !== sent[i]) port.send([0xb0 | channel, firstCc + i, value]);
        sent[i] = value;
      });
    },
  };
}
