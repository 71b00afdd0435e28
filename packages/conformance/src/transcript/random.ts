import { Random } from "../random.js";
import type { ServerOptions } from "../row.js";
import type { Act, Key, Order, Sent, Session, Step } from "./session.js";

const LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const QUEUE_LIMIT = 1000;
const MAX_PAYLOAD_BEFORE_AUTH = 1000;
const MAX_PAYLOAD = 3000;
// Long enough for every peer that connects and authenticates in one step, on a busy machine too.
const SHORT_TIMEOUT_MS = 700;
// A session in so many waits for a timeout.
const LATE_EVERY = 12;

/** One session, the same for the same seed. */
export const randomSession = (seed: number): Session => new Generator(seed).session();

class Generator {
  readonly #random: Random;
  readonly #seed: number;
  readonly #peers: string[] = [];
  readonly #undecided: string[] = [];
  // What is done when a client comes and goes may concern others. Where several peers send at once it must not: there is
  // no order between them then. So each session has one of the two.
  readonly #meddles: boolean;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#meddles = this.#random.chance(0.5);
  }

  session(): Session {
    const random = this.#random;
    const late = this.#seed % LATE_EVERY === 0;
    const lateDecision = random.chance(0.5);
    const options: ServerOptions = {
      messagesBeforeAuth: random.pick(["ignore", "queue", "accept"]),
      authErrors: random.pick(["reject", "retry"]),
      sendAfterDisconnect: random.pick(["ignore", "throw"]),
      queueOverflow: random.pick(["ignore", "disconnect"]),
      queueLimitBytes: QUEUE_LIMIT,
      maxPayload: MAX_PAYLOAD,
      maxPayloadBeforeAuth: MAX_PAYLOAD_BEFORE_AUTH,
      maxAwaitingReplies: random.pick([2, 100]),
      heartbeatIntervalMs: 0,
      ...(late && lateDecision ? { authDecisionTimeoutMs: SHORT_TIMEOUT_MS } : {}),
      ...(late && !lateDecision ? { authTimeoutMs: SHORT_TIMEOUT_MS } : {}),
    };
    const steps: Step[] = random.many(1, 3, () => this.#connect(late));
    if (late) steps.push(...this.#latecomer(lateDecision));
    steps.push(...random.many(8, 18, () => this.#step(late)));
    return { title: `random session ${this.#seed}`, options, steps };
  }

  #connect(authenticates: boolean): Step {
    const peer = LABELS[this.#peers.length] ?? "Z";
    this.#peers.push(peer);
    const send = authenticates || this.#random.chance(0.65) ? [this.#auth(peer, authenticates)] : [];
    return { step: "connect", peer, send };
  }

  /** A peer that never authenticates, or whose key is never decided on. */
  #latecomer(decision: boolean): Step[] {
    const peer = LABELS[this.#peers.length] ?? "Z";
    this.#peers.push(peer);
    const key: Key = { ...this.#key(), answer: "later" };
    const early = this.#random.many(0, 1, (): Sent => ({ event: "a", args: this.#arguments(false) }));
    return [
      { step: "connect", peer, send: [...early, ...(decision ? [auth(key)] : [])] },
      { step: "expire", peer },
      { step: "decide", peer, answer: true },
    ];
  }

  #step(late: boolean): Step {
    const random = this.#random;
    const peer = this.#peer();
    return random.weighted<() => Step>([
      [12, () => ({ step: "send", by: { [peer]: this.#burst(peer, 1, 5, true) } })],
      [this.#meddles ? 0 : 4, () => this.#together()],
      [7, () => this.#connect(late)],
      [3, () => ({ step: "send", by: { [peer]: [this.#auth(peer, late)] } })],
      [4, () => this.#decide()],
      [4, () => ({ step: "serve", acts: random.many(1, 3, () => this.#ownAct()) })],
      [1, () => ({ step: "vanish", peer, how: random.pick(["reset", "endTcp"]) })],
      [1, () => ({ step: "send", by: { [peer]: [...this.#burst(peer, 0, 2, true), this.#close()] } })],
    ])();
  }

  /** Several at once; what they send concerns each alone, as there is no order between them. */
  #together(): Step {
    const by: Record<string, Sent[]> = {};
    for (const peer of this.#random.many(2, 3, () => this.#peer())) by[peer] ??= this.#burst(peer, 1, 4, false);
    return { step: "send", by };
  }

  #decide(): Step {
    const peer = this.#undecided.pop() ?? this.#peer();
    return {
      step: "decide",
      peer,
      answer: this.#random.weighted<boolean | "fail">([
        [4, true],
        [1, false],
        [1, "fail"],
      ]),
    };
  }

  #auth(peer: string, atOnce: boolean): Sent {
    const random = this.#random;
    return random.weighted<() => Sent>([
      [
        24,
        () => {
          const key = this.#key();
          if (key.answer === "later" && !atOnce) this.#undecided.push(peer);
          return auth(atOnce ? { ...key, answer: "yes" } : key);
        },
      ],
      [1, () => ({ auth: ["nonsense", 1] })],
      [1, () => ({ auth: [random.pick<unknown>([7, null, undefined, ["key"], { key: 1 }]), 1] })],
      [1, () => ({ auth: ["{}", random.pick([0, 2, "1", undefined, null, "x".repeat(40)])] })],
      [0.5, () => ({ auth: [] })],
    ])();
  }

  #key(): Key {
    const acts = (): readonly Act[] => (this.#random.chance(0.2) ? this.#acts(this.#meddles) : []);
    return {
      answer: this.#random.weighted([
        [12, "yes"],
        [4, "later"],
        [1, "no"],
        [1, "truthy"],
        [1, "throw"],
      ]),
      onAuthRequest: this.#random.chance(0.1) ? this.#acts(false) : [],
      onAuthOk: acts(),
      onAuthRejected: acts(),
      onDisconnect: acts(),
    };
  }

  #burst(peer: string, least: number, most: number, others: boolean): Sent[] {
    return this.#random.many(least, most, () => this.#message(peer, others));
  }

  #message(peer: string, others: boolean): Sent {
    const random = this.#random;
    return random.weighted<() => Sent>([
      [20, () => ({ event: random.pick(["a", "a", "b", "*", "unheard of"]), args: this.#arguments(others) })],
      [
        8,
        () => ({
          event: random.pick(["a", "b"]),
          args: this.#arguments(others, ["onReply", "onReply", "onMessage"]),
          answers: random.chance(0.2) ? "unknown" : random.below(3),
        }),
      ],
      [1, () => ({ ping: `ping ${random.below(100)}` })],
      [0.7, () => ({ size: random.pick([900, 1100, 2900, 3100, 5000]) })],
      [0.7, () => ({ event: "a", args: ["x".repeat(random.pick([700, 1200, 2500, 3500]))] })],
      [0.4, () => ({ hex: Buffer.from(random.many(0, 30, () => random.below(256))).toString("hex") })],
      [0.4, () => ({ parts: this.#brokenParts() })],
      [0.3, () => ({ text: random.pick(["", "text", "\u{1F600}"]) })],
      [0.5, () => this.#auth(peer, false)],
    ])();
  }

  #brokenParts(): readonly unknown[] {
    return this.#random.pick<readonly unknown[]>([
      [],
      [1],
      ["a"],
      ["a", 0, null],
      ["a", 1.5, null],
      ["a", 1, "x"],
      ["a", 1, -1],
      ["", 1, null],
      ["x".repeat(257), 1, null],
      ["ezez-ws::auth-ok"],
      ["ezez-ws::unknown", 1],
    ]);
  }

  #arguments(
    others: boolean,
    at: readonly [Order["at"], ...Order["at"][]] = ["onMessage", "listener"],
  ): readonly unknown[] {
    const random = this.#random;
    const order: Order = { at: random.pick(at), acts: this.#acts(others) };
    return [JSON.stringify(order), ...random.many(0, 2, () => this.#value())];
  }

  #value(): unknown {
    const random = this.#random;
    return random.weighted<() => unknown>([
      [3, () => random.below(1000)],
      [2, () => random.pick(["", "text", "Zażółć", "\u{1F600}", "line\nline\0"])],
      [1, () => random.pick([undefined, null, true, -0.5, Number.NaN, Number.POSITIVE_INFINITY])],
      [1, () => BigInt(random.below(2 ** 31)) ** 3n],
      [1, () => Buffer.from(random.many(0, 20, () => random.below(256)))],
      [1, () => [random.below(10), { nested: [undefined, 1n, new Date(random.below(2 ** 40))] }]],
    ])();
  }

  #acts(others: boolean): Act[] {
    return this.#random.many(0, 3, () => this.#act(others));
  }

  #act(others: boolean): Act {
    const random = this.#random;
    const name = random.pick(["a", "b", "*"]);
    const to = others && random.chance(0.3) ? { to: this.#peer() } : {};
    return random.weighted<() => Act>([
      [8, () => ({ act: "reply", name, args: [random.below(100)] })],
      [4, () => ({ act: "send", name, args: [random.below(100)], ...to })],
      [5, () => ({ act: "ask", ...to })],
      [others ? 3 : 0, () => ({ act: "broadcast", except: random.many(0, 2, () => this.#peer()), args: ["all"] })],
      [1, () => ({ act: "disconnect", ...this.#ending(), ...to })],
      [1, () => ({ act: "sendFunction" })],
      [1, () => ({ act: "once" })],
      [1, () => ({ act: "throw" })],
      [1, () => ({ act: "reject" })],
    ])();
  }

  /** Of the application on its own, without a message that it could answer or fail at. */
  #ownAct(): Act {
    const to = this.#peer();
    return this.#random.weighted<() => Act>([
      [4, () => ({ act: "send", to, name: "a", args: [this.#random.below(100)] })],
      [4, () => ({ act: "ask", to })],
      [3, () => ({ act: "broadcast", except: this.#random.many(0, 2, () => this.#peer()), args: ["all"] })],
      [1, () => ({ act: "disconnect", to, ...this.#ending() })],
    ])();
  }

  #ending(): { code?: number; reason?: string } {
    return this.#random.pick<{ code?: number; reason?: string }>([
      {},
      { code: 1000, reason: "bye" },
      { code: 1008 },
      { code: 3000, reason: "żółć" },
      { code: 4999, reason: "x".repeat(123) },
      { code: 1005 },
      { code: 4000, reason: "x".repeat(124) },
    ]);
  }

  #close(): Sent {
    return this.#random.pick<Sent>([
      { close: [] },
      { close: [1000] },
      { close: [1001, "going"] },
      // Of no disconnect above, so that it can be told whose it is.
      { close: [3001, "żółć"] },
      { close: [4999, "x".repeat(123)] },
    ]);
  }

  #peer(): string {
    // Rather one of the last, as the others may be gone.
    const from = this.#random.chance(0.75) ? this.#peers.slice(-2) : this.#peers;
    return from[this.#random.below(from.length)] ?? "A";
  }
}

const auth = (key: Key): Sent => ({ auth: [JSON.stringify(key), 1] });
