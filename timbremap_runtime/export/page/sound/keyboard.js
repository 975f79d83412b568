// The computer's keyboard as a piano's: by where keys lie, whatever is printed on them.

const KEYS = [
  "KeyA KeyW KeyS KeyE KeyD KeyF KeyT KeyG KeyY KeyH KeyU KeyJ KeyK KeyO KeyL KeyP Semicolon Quote",
].flatMap((row) => row.split(" "));

/** Semitones above the lowest key, by the place of the key. */
export const SEMITONES = new Map(KEYS.map((code, i) => [code, i]));

const DOWN = "KeyZ";
const UP = "KeyX";
const TEXT = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select";

/**
 * Play notes by keys: A is C, W is C sharp, and so on; Z and X go an octave down and up.
 *
 * @param target what hears the keys, such as window
 * @param player with noteOn(note, velocity, id) and noteOff(id)
 * @param base MIDI note of the lowest key
 * @param velocity of each note
 */
export function createKeyboard(target, player, { base = 48, velocity = 100, changed = () => {} } = {}) {
  const down = new Map(); // code: id
  let octave = 0;

  function press(event) {
    const { code, repeat, ctrlKey, altKey, metaKey } = event;
    if (repeat || ctrlKey || altKey || metaKey) return;
    if (event.target?.closest?.(TEXT) || event.target?.isContentEditable) return;
    if (code === DOWN || code === UP) {
      octave = Math.max(-4, Math.min(4, octave + (code === UP ? 1 : -1)));
      changed(base + 12 * octave);
      return;
    }
    const note = base + 12 * octave + SEMITONES.get(code);
    if (down.has(code) || !(note >= 0 && note <= 127)) return;
    down.set(code, `key ${code}`);
    player.noteOn(note, velocity, down.get(code));
  }

  function release({ code }) {
    if (!down.has(code)) return;
    player.noteOff(down.get(code));
    down.delete(code);
  }

  /** Keys that go up while the page looks elsewhere are never told of. */
  function releaseAll() {
    for (const code of [...down.keys()]) release({ code });
  }

  const heard = { keydown: press, keyup: release, blur: releaseAll };
  for (const [name, listener] of Object.entries(heard)) target.addEventListener(name, listener);
  return {
    get base() {
      return base + 12 * octave;
    },
    close() {
      releaseAll();
      for (const [name, listener] of Object.entries(heard)) target.removeEventListener(name, listener);
    },
  };
}
