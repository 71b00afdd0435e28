import { encodeFrame, Opcode } from "../frames.js";
import { decode, encode } from "../messages.js";
import { Random } from "../random.js";
import { DEADLINE_MS, gate, until, within } from "../wait.js";
import { type Ending, Wire } from "../wire.js";
import { type Action, type Breach, HUGE, type PeerPlan } from "./plan.js";

// A pause, no deadline: where a peer is not told that it is over.
const OVER_MS = 5000;
const FOREVER_MS = 2 ** 31 - 1;
const UNKNOWN_ID = 2 ** 40;
const BARRIER = "barrier";

/** What a peer has put on the wire, in order. */
export type Sent = (Exclude<Action, { does: "event" | "wait" | "awaitAuth" }> | SentEvent) & {
  readonly ms: number;
  /** It was sent when auth-ok had been read. */
  readonly afterAuthOk: boolean;
};

export interface SentEvent {
  readonly does: "event";
  readonly name: string;
  /** Its id, too: the first is 1. */
  readonly eventId: number;
  readonly replyTo: number | null;
  readonly byteLength: number;
  /** The question that it means to answer. */
  readonly question?: number;
}

/** An answer to a question of the server's. */
interface Answer {
  readonly does: "event";
  readonly name: string;
  readonly size: number;
  readonly replyTo: number;
  readonly question?: number;
}

/** A peer that does what its plan says, answers questions besides, and writes down what it sent and saw. */
export class Peer {
  readonly plan: PeerPlan;
  readonly sent: Sent[] = [];
  /** Messages received, in order. */
  readonly received: unknown[][] = [];
  /** Frames that were neither messages nor control frames: there must be none. */
  readonly strange: number[] = [];
  status: number | undefined;
  ending: (Ending & { readonly ms: number }) | undefined;
  /** It has answered all that was sent to it, and is open still. */
  passedBarrier = false;
  readonly #seed: number;
  readonly #random: Random;
  readonly #todo: (Action | Answer)[];
  readonly #barrier = gate<void>();
  #wire: Wire | undefined;
  #authenticated = false;
  #left = false;
  #lastId = 0;
  #lastQuestion = 0;
  #pings = 0;
  #pongs = 0;

  constructor(plan: PeerPlan, seed: number) {
    this.plan = plan;
    this.#seed = seed;
    this.#random = Random.of(seed, `peer ${plan.label}`);
    this.#todo = [...plan.actions];
  }

  /** Resolves when the plan is done and either side has ended, or the server has answered everything. */
  async play(port: number): Promise<void> {
    const { label, connectsAfterMs, answersPings, finishesClosing } = this.plan;
    await pause(connectsAfterMs);
    const wire = new Wire(port, {
      path: `/?peer=${label}&seed=${this.#seed}`,
      answerPings: answersPings,
      finishesClosing,
    });
    this.#wire = wire;
    const response = await within(wire.response, `${label}: the answer to the upgrade request`).catch(() => undefined);
    this.status = response?.status;
    if (this.status !== 101) {
      wire.destroy();
      return;
    }
    const over = this.#read(wire);
    while (!this.#left && this.ending === undefined) {
      const next = this.#todo.shift();
      if (next === undefined) break;
      await this.#do(wire, next);
    }
    wire.resume();
    await this.#settle(wire, over);
  }

  /** The end of the connection, however it comes. */
  async ended(): Promise<void> {
    if (this.status === 101) await until(() => this.ending !== undefined, `${this.plan.label} has seen the end`);
  }

  destroy(): void {
    this.#wire?.destroy();
  }

  /** Pings that got no pong. */
  get unanswered(): number {
    return this.#pings - this.#pongs;
  }

  async #settle(wire: Wire, over: Promise<void>): Promise<void> {
    // What broke the rules, or has closed, may be left without an answer.
    if (this.sent.some(({ does }) => does === "close" || does === "breach" || does === "vanish")) {
      await Promise.race([over, pause(OVER_MS)]);
      return;
    }
    wire.frame(Opcode.ping, Buffer.from(BARRIER));
    const passed = this.#barrier.passed.then(() => {
      this.passedBarrier = this.ending === undefined;
    });
    await within(Promise.race([passed, over]), `${this.plan.label}: a pong or the end`, DEADLINE_MS);
  }

  async #do(wire: Wire, action: Action | Answer): Promise<void> {
    switch (action.does) {
      case "wait":
        await pause(action.ms);
        break;
      case "awaitAuth":
        await until(() => this.#authenticated || this.ending !== undefined || !wire.isOpen, "auth-ok", 200).catch(
          () => undefined,
        );
        break;
      case "stall":
        this.#note(action);
        wire.pause();
        setTimeout(() => wire.resume(), action.ms);
        break;
      case "vanish":
        if (action.midFrame) wire.write(encodeFrame(Opcode.binary, Buffer.from("part"), { declaredLength: 1000n }));
        this.#note(action);
        this.#left = true;
        wire[action.how]();
        break;
      case "event":
        await this.#event(wire, action);
        break;
      default:
        this.#note(action);
        await this.#write(wire, this.#bytes(action));
    }
  }

  async #event(wire: Wire, event: Extract<Action, { does: "event" }> | Answer): Promise<void> {
    const eventId = ++this.#lastId;
    const replyTo = this.#replyTo(event.replyTo);
    const question = "question" in event ? event.question : undefined;
    const payload = encode(event.name, eventId, replyTo, question ?? null, Buffer.alloc(event.size, "x"));
    const byteLength = payload.length;
    this.#note({
      does: "event",
      name: event.name,
      eventId,
      replyTo,
      byteLength,
      ...(question === undefined ? {} : { question }),
    });
    const count = "frames" in event ? (event.frames ?? 1) : 1;
    const length = Math.ceil(payload.length / count);
    const frames = Array.from({ length: count }, (_, i) => {
      const opcode = i === 0 ? Opcode.binary : Opcode.continuation;
      const part = payload.subarray(i * length, (i + 1) * length);
      return encodeFrame(opcode, part, { fin: i === count - 1 });
    });
    const between = this.#ping();
    if (count > 1) this.#pings++;
    await this.#write(
      wire,
      Buffer.concat(count === 1 ? frames : [frames[0] ?? Buffer.alloc(0), between, ...frames.slice(1)]),
    );
  }

  #replyTo(replyTo: "guessed" | "unknown" | number | undefined): number | null {
    if (replyTo === "guessed") return this.#lastQuestion + 1;
    if (replyTo === "unknown") return UNKNOWN_ID;
    return replyTo ?? null;
  }

  #ping(): Buffer {
    return encodeFrame(Opcode.ping, Buffer.from(String(this.#pings)));
  }

  #bytes(action: Exclude<Action, { does: "event" | "wait" | "awaitAuth" | "stall" | "vanish" }>): Buffer {
    switch (action.does) {
      case "auth":
        return encodeFrame(Opcode.binary, encode("ezez-ws::auth", action.key, action.version));
      case "malformed":
        return encodeFrame(Opcode.binary, Buffer.from(action.bytes, "latin1"));
      case "reserved":
        return encodeFrame(Opcode.binary, encode(action.name, 1, null));
      case "text":
        return encodeFrame(Opcode.text, Buffer.from(action.text));
      case "ping":
        this.#pings++;
        return this.#ping();
      case "pong":
        return encodeFrame(Opcode.pong, Buffer.from("unasked"));
      case "breach":
        return BREACHES[action.breach];
      case "close": {
        const payload = Buffer.alloc(action.code === undefined ? 0 : 2);
        if (action.code !== undefined) payload.writeUInt16BE(action.code);
        return encodeFrame(Opcode.close, Buffer.concat([payload, Buffer.from(action.reason ?? "")]));
      }
    }
  }

  async #write(wire: Wire, bytes: Buffer): Promise<void> {
    const pieces = bytes.length > HUGE ? 1 : 1 + this.#random.below(this.plan.pieces);
    const length = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += length) {
      if (at > 0) await pause(this.#random.below(2));
      wire.write(bytes.subarray(at, at + length));
    }
  }

  #note(sent: Exclude<Action, { does: "event" | "wait" | "awaitAuth" }> | SentEvent): void {
    this.sent.push({ ...sent, ms: Math.round(performance.now()), afterAuthOk: this.#authenticated });
  }

  async #read(wire: Wire): Promise<void> {
    for (;;) {
      const frame = await wire.nextFrame("a frame", FOREVER_MS).catch(() => undefined);
      if (frame === undefined) break;
      if (frame.opcode === Opcode.pong) this.#pong(frame.payload.toString());
      else if (frame.opcode !== Opcode.binary) this.strange.push(frame.opcode);
      else this.#receive(decode(frame.payload));
    }
    const ending = await wire.closed(FOREVER_MS);
    this.ending = { ...ending, ms: Math.round(performance.now()) };
  }

  #pong(payload: string): void {
    if (payload === BARRIER) this.#barrier.open();
    else this.#pongs++;
  }

  #receive(message: unknown[]): void {
    this.received.push(message);
    const [eventName, eventId, , what] = message;
    if (eventName === "ezez-ws::auth-ok") this.#authenticated = true;
    if (eventName === "c" && typeof eventId === "number" && typeof what === "number") this.#answer(eventId, what);
  }

  /** Rightly, twice, never, or to something else; now or after what is planned first. */
  #answer(eventId: number, question: number): void {
    this.#lastQuestion = eventId;
    const random = this.#random;
    const answers = random.weighted<Answer[]>([
      [8, [answer(eventId, question)]],
      [1, [answer(eventId, question), answer(eventId, question)]],
      [1, [answer(eventId + 1)]],
      [1, []],
    ]);
    if (random.chance(0.5)) this.#todo.unshift(...answers);
    else this.#todo.push(...answers);
  }
}

const answer = (replyTo: number, question?: number): Answer => ({
  does: "event",
  name: "a",
  size: 0,
  replyTo,
  ...(question === undefined ? {} : { question }),
});

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    if (ms === 0) setImmediate(resolve);
    else setTimeout(resolve, ms);
  });

const BREACHES: Readonly<Record<Breach, Buffer>> = {
  "reserved bit": encodeFrame(Opcode.binary, Buffer.from("x"), { rsv: 4 }),
  "reserved opcode": encodeFrame(3, Buffer.from("x")),
  "fragmented ping": encodeFrame(Opcode.ping, Buffer.from("x"), { fin: false }),
  "long ping": encodeFrame(Opcode.ping, Buffer.alloc(126)),
  "lone continuation": encodeFrame(Opcode.continuation, Buffer.from("x")),
  "bad UTF-8": encodeFrame(Opcode.text, Buffer.from([0xc3, 0x28])),
};
