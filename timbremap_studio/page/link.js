// The link to the server: it hears where we go, and tells where others went.

const PACE_MS = 8;
const PATIENCE_MS = [500, 1000, 2000, 4000];

/** Keeps a page and the server's performance together, and says when they are apart. */
export class Link {
  /**
   * `onModel(name, scale)` is called when another page or program loads a model or a scale, `onSay(text)` with what
   * the player should read, and `onServer(there)` when the server comes or goes.
   */
  constructor(playing, { onModel, onSay, onServer }) {
    this.playing = playing;
    this.onModel = onModel;
    this.onSay = onSay;
    this.onServer = onServer;
    this.sent = 0;
    this.served = null;
    this.unsent = new Set();
    this.attempt = 0;
    this.timer = 0;
    playing.onChange((_, from, what) => {
      if (from !== "here") return;
      if (what === "active") this.unsent.add("active");
      this.unsent.add("place");
      this.schedule();
    });
    playing.onModel((_, from) => {
      if (from !== "here") return;
      this.unsent = new Set(["load", "place"]);
      this.schedule();
    });
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/play`);
    this.socket = socket;
    socket.onopen = () => {
      this.attempt = 0;
      this.sent = 0;
      this.served = null;
      this.onServer(true);
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      this.served = null;
      this.onServer(false);
      const wait = PATIENCE_MS[Math.min(this.attempt++, PATIENCE_MS.length - 1)];
      setTimeout(() => this.connect(), wait);
    };
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN && this.served !== null;
  }

  hear(news) {
    const first = this.served === null;
    this.served = news;
    const { model } = this.playing;
    const apart = model !== null && !this.isPlayed(news);
    // Moved while the server was away: it may have come back with another model.
    if (first && apart && this.unsent.size) this.unsent.add("load");
    // What we asked for cannot be, or somebody else chose after us.
    const overruled = apart && !this.unsent.has("load") && news.seen === this.sent && news.by !== news.you;
    if (news.error) this.onSay(news.error);
    if (news.error || (overruled && !first)) {
      this.unsent.clear();
      this.follow(news);
      return;
    }
    const ours = this.unsent.size > 0 || news.seen < this.sent || (news.by === news.you && !first);
    const rescaled = apart && model.name === news.model; // a model is asked for by its name alone
    if (!ours || rescaled) this.follow(news);
    if (this.unsent.size) this.schedule();
  }

  isPlayed({ model, scale }) {
    return this.playing.model.name === model && this.playing.model.map.scale === scale;
  }

  follow(news) {
    const { model } = this.playing;
    if (!model || !this.isPlayed(news)) this.onModel(news.model, news.scale);
    else if (news.c.length === this.playing.c.length && news.p.length === this.playing.p.length) {
      this.playing.follow(news.c, news.p, news.active);
    }
  }

  /** Be where the server is, after a model that it asked for was loaded. */
  catchUp() {
    if (this.served && this.unsent.size === 0) this.follow(this.served);
  }

  schedule() {
    if (!this.timer) this.timer = setTimeout(() => this.send(), PACE_MS);
  }

  send() {
    this.timer = 0;
    if (!this.open) return;
    const { model, c, p, active } = this.playing;
    if (this.unsent.delete("load")) {
      if (this.served.model !== model.name) this.say("/tm/load", model.name);
    }
    if (!this.isPlayed(this.served)) return; // the rest waits until the server has it
    if (this.unsent.delete("active")) this.say("/tm/active", ...active.map(Number));
    if (this.unsent.delete("place")) this.say("/tm/place", ...c, ...p);
  }

  say(...message) {
    this.socket.send(JSON.stringify([++this.sent, ...message]));
  }
}
