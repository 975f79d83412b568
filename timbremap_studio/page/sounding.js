// What the hand does on the pad, and what is heard of it.

/** Sounds the pad: `playing` tells where everything is, `pad` has the bar for buttons. */
export class Sounding {
  constructor(playing) {
    this.playing = playing;
  }

  /** A pointer came down, moved or was lifted; `lead` is the one that moves the point. */
  press(id, p, lead) {}

  bend(id, p, lead) {}

  lift(id, lead) {}
}
