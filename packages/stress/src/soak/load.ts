import { encode, Opcode, type Random, until } from "@ezez-ws/conformance";
import { Peer } from "../peer.js";

// A tick is short, so that the load comes evenly.
const TICK_MS = 50;
const CHURN_PER_SECOND = 20;
const FAULTY = 0.01;
const STALL_MS = [500, 4000] as const;
const ANSWER_MS = 30_000;

/** How many connections, and how many of their questions in a second. */
export interface LoadOptions {
  readonly connections: number;
  readonly asksPerSecond: number;
}

/** Messages that break the protocol; each closes its connection with 1002. */
const MALFORMED: readonly [Buffer, ...Buffer[]] = [
  Buffer.from("-5f\0"),
  Buffer.from("0x4f\0ping\0"),
  encode("ask", 1, null, "text").subarray(0, -3),
  encode("ask", 0, null),
  encode("ezez-ws::other", 1, null),
  Buffer.from("3f\0ask\x001j\0{\0"),
  Buffer.alloc(64, 0xff),
];

// A frame that no sender may use: its opcode is reserved.
const RESERVED_OPCODE = 3;

/** What one peer waits for, and has seen. */
interface State {
  readonly waiting: Map<number, string>;
  lastNews: number | undefined;
  /** The codes that its connection may end with; none while nothing is wrong with it. */
  endings: readonly number[];
}

/** Connections that ask, answer, come and go; a share of them with faults. */
export class Load {
  readonly #port: number;
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #peers = new Map<Peer, State>();
  readonly #stalls = new Map<Peer, ReturnType<typeof setTimeout>>();
  readonly #connecting = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #leaving = false;
  #lastNumber = 0;
  #owed = 0;
  /** What the server should not have done; the first of each kind. */
  readonly broken = new Map<string, string>();
  readonly counts = { asked: 0, answered: 0, news: 0, connected: 0, reset: 0, malformed: 0, stalled: 0 };

  constructor(port: number, random: Random, options: LoadOptions) {
    this.#port = port;
    this.#random = random;
    this.#options = options;
  }

  get connections(): number {
    return this.#peers.size;
  }

  /** Connects them all, a few at a time. */
  async connect(): Promise<void> {
    const missing = this.#options.connections - this.#peers.size - this.#connecting.size;
    for (let i = 0; i < missing; i++) {
      this.#replace();
      if (this.#connecting.size >= CHURN_PER_SECOND) await Promise.all(this.#connecting);
    }
    await Promise.all(this.#connecting);
  }

  start(): void {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#tick((now - last) / 1000);
      last = now;
    }, TICK_MS);
  }

  /** Stops, and waits until every connection is whole again and everything is answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const peer of this.#stalls.keys()) this.#heal(peer);
    // One that was broken may end only now.
    await until(
      () => [...this.#peers.values()].every(({ endings, waiting }) => endings.length === 0 && waiting.size === 0),
      "everything is answered",
      ANSWER_MS,
    ).catch((error: Error) => this.#break("a question on a living connection was not answered", error.message));
    await this.connect();
  }

  /** All leave. */
  async leave(): Promise<void> {
    this.#leaving = true;
    for (const [peer, state] of this.#peers) {
      state.endings = [1000];
      peer.close();
    }
    await until(() => this.#peers.size === 0, "everybody has left", ANSWER_MS);
  }

  #tick(seconds: number): void {
    const peers = [...this.#peers.keys()];
    // After a pause, of the whole machine say, not all at once.
    this.#owed = Math.min(this.#owed + seconds, 1);
    for (; this.#owed > 0; this.#owed -= 1 / this.#options.asksPerSecond) {
      const peer = peers[this.#random.below(peers.length)];
      if (peer !== undefined) this.#act(peer);
    }
    if (this.#random.chance(CHURN_PER_SECOND * seconds)) this.#end(peers[this.#random.below(peers.length)]);
  }

  #act(peer: Peer): void {
    const state = this.#peers.get(peer);
    if (!peer.isOpen || state === undefined || state.endings.length > 0) return;
    if (!this.#random.chance(FAULTY)) this.#ask(peer, state);
    else this.#random.pick([this.#reset, this.#malform, this.#stall]).call(this, peer, state);
  }

  #ask(peer: Peer, state: State): void {
    const number = ++this.#lastNumber;
    const text = `question ${number} ${"x".repeat(number % 100)}`;
    this.counts.asked++;
    state.waiting.set(peer.send("ask", [number, text]), text);
  }

  #reset(peer: Peer, state: State): void {
    this.counts.reset++;
    state.endings = [1006];
    // Half a frame as well, every other time.
    if (this.#random.chance(0.5)) peer.write(Buffer.from([0x82, 0xfe, 0xff]));
    peer.reset();
  }

  #malform(peer: Peer, state: State): void {
    this.counts.malformed++;
    // Where the framing is broken, some runtimes just drop the connection.
    const framing = this.#random.chance(0.2);
    state.endings = framing ? [1002, 1006] : [1002];
    if (framing) peer.frame(RESERVED_OPCODE, Buffer.from("?"));
    else peer.frame(Opcode.binary, this.#random.pick(MALFORMED));
    this.#heal(peer);
  }

  #stall(peer: Peer): void {
    if (this.#stalls.has(peer)) return;
    this.counts.stalled++;
    peer.pause();
    this.#stalls.set(
      peer,
      setTimeout(() => this.#heal(peer), this.#random.between(...STALL_MS)),
    );
  }

  #heal(peer: Peer): void {
    const stall = this.#stalls.get(peer);
    if (stall === undefined) return;
    clearTimeout(stall);
    this.#stalls.delete(peer);
    peer.resume();
  }

  /** Leaves as it should. */
  #end(peer: Peer | undefined): void {
    const state = peer && this.#peers.get(peer);
    if (peer === undefined || state === undefined || state.endings.length > 0) return;
    state.endings = [1000];
    peer.close();
    this.#heal(peer);
  }

  #replace(): void {
    const state: State = { waiting: new Map(), lastNews: undefined, endings: [] };
    const connecting = Peer.connect(this.#port, {
      message: (parts, peer) => this.#received(parts, peer, state),
      end: (code, peer) => this.#ended(code, peer, state),
    }).then(
      (peer) => {
        this.counts.connected++;
        if (peer.isOpen) this.#peers.set(peer, state);
      },
      (error: Error) => this.#break("a peer was not let in", error.message),
    );
    this.#connecting.add(connecting);
    void connecting.then(() => this.#connecting.delete(connecting));
  }

  #ended(code: number, peer: Peer, { endings }: State): void {
    this.#heal(peer);
    this.#peers.delete(peer);
    if (!endings.includes(code)) this.#break("a connection ended as it should not", `${code}, not ${endings}`);
    if (!this.#leaving) this.#replace();
  }

  #received([eventName, eventId, replyTo, ...args]: unknown[], peer: Peer, state: State): void {
    const [number, text] = args;
    switch (eventName) {
      case "answer":
        this.counts.answered++;
        if (state.waiting.get(Number(replyTo)) !== text) this.#break("a wrong answer", String(text));
        state.waiting.delete(Number(replyTo));
        break;
      case "ask":
        if (state.endings.length === 0) peer.send("answer", args, Number(eventId));
        break;
      case "news":
        this.counts.news++;
        if (state.lastNews !== undefined && number !== state.lastNews + 1) {
          this.#break("news is missing, or out of order", `${state.lastNews}, then ${String(number)}`);
        }
        state.lastNews = Number(number);
        break;
      default:
        this.#break("an unknown event", String(eventName));
    }
  }

  #break(what: string, example: string): void {
    if (!this.broken.has(what)) this.broken.set(what, example);
  }
}
