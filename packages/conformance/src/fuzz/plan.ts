import { MALFORMED } from "../cases/malformed.js";
import { Random } from "../random.js";
import type { ServerOptions } from "../row.js";

/** What `onAuthRequest` makes of a key, at once or later. Plain data: it travels as the key, in JSON. */
export interface Key {
  readonly answer: "yes" | "no" | "truthy" | "fail" | "never";
  /** Without it, at once. */
  readonly afterMs?: number;
}

/** What breaks the rules of RFC 6455. */
export type Breach =
  | "reserved bit"
  | "reserved opcode"
  | "fragmented ping"
  | "long ping"
  | "lone continuation"
  | "bad UTF-8";

/** One thing that a peer does, right or wrong. */
export type Action =
  | { readonly does: "auth"; readonly key: unknown; readonly version: unknown }
  | {
      readonly does: "event";
      readonly name: string;
      /** Bytes of the payload besides the envelope. */
      readonly size: number;
      readonly replyTo?: "guessed" | "unknown";
      /** Sent in so many frames, with pings between them. */
      readonly frames?: number;
    }
  | { readonly does: "malformed"; readonly bytes: string }
  | { readonly does: "reserved"; readonly name: string }
  | { readonly does: "text"; readonly text: string }
  | { readonly does: "ping" }
  | { readonly does: "pong" }
  | { readonly does: "breach"; readonly breach: Breach }
  | { readonly does: "close"; readonly code?: number; readonly reason?: string }
  | { readonly does: "vanish"; readonly how: "reset" | "endTcp" | "destroy"; readonly midFrame: boolean }
  /** Stops reading for a while. */
  | { readonly does: "stall"; readonly ms: number }
  | { readonly does: "wait"; readonly ms: number }
  /** Until auth-ok or the end. */
  | { readonly does: "awaitAuth" };

export interface PeerPlan {
  readonly label: string;
  readonly connectsAfterMs: number;
  readonly upgrade: "ok" | "later" | "refused" | "fails";
  readonly answersPings: boolean;
  readonly finishesClosing: boolean;
  /** TCP segments that a frame is cut into, at most. */
  readonly pieces: number;
  readonly actions: readonly Action[];
}

/** One session of several peers at once; all that happens in it follows from its seed, but for the order between them. */
export interface Plan {
  readonly seed: number;
  readonly options: ServerOptions;
  readonly peers: readonly PeerPlan[];
  /** The server closes in the middle of it all, so many milliseconds from the start. */
  readonly closesAfterMs: number | undefined;
}

export const CANARY = "canary";
export const MAX_PAYLOAD = 6000;
export const MAX_PAYLOAD_BEFORE_AUTH = 2000;
/** Far above the limit, so that the transport refuses it. */
export const HUGE = MAX_PAYLOAD * 3;

const HEARTBEAT_MS = 300;
const AUTH_TIMEOUT_MS = 600;
const LATE_MS = AUTH_TIMEOUT_MS + 100;
const LABELS = "ABCDEFGH";
const malformed = Object.values(MALFORMED).filter((bytes) => bytes.length < MAX_PAYLOAD_BEFORE_AUTH);

/** `beats`: the core pings. A runtime that does it itself gives a peer up over a process that was busy for so short a time. */
export const planOf = (seed: number, beats: boolean): Plan => {
  const random = Random.of(seed, "plan");
  const options: ServerOptions = {
    messagesBeforeAuth: random.pick(["ignore", "queue", "accept"]),
    authErrors: random.pick(["reject", "retry"]),
    sendAfterDisconnect: random.pick(["ignore", "throw"]),
    queueOverflow: random.pick(["ignore", "disconnect"]),
    queueLimitBytes: random.pick([MAX_PAYLOAD_BEFORE_AUTH, 1024 * 1024]),
    maxPayload: MAX_PAYLOAD,
    maxPayloadBeforeAuth: MAX_PAYLOAD_BEFORE_AUTH,
    maxAwaitingReplies: random.pick([2, 100]),
    heartbeatIntervalMs: random.chance(0.1) && beats ? HEARTBEAT_MS : 0,
    // Not so short that the honest peer is late on a busy machine.
    ...(random.chance(0.1) ? { authTimeoutMs: AUTH_TIMEOUT_MS } : {}),
    ...(random.chance(0.1) ? { authDecisionTimeoutMs: 100 } : {}),
    ...(random.chance(0.1) ? { maxMessagesPerSecond: 20 } : {}),
    ...(random.chance(0.1) ? { maxConnections: 4 } : {}),
    ...(random.chance(0.2) ? { maxBackpressure: 64 * 1024, slowConsumer: random.pick(["disconnect", "drop"]) } : {}),
  };
  const peers = Array.from({ length: 2 + random.below(LABELS.length - 1) }, (_, i) =>
    peerOf(LABELS[i] ?? "", Random.of(seed, `plan ${LABELS[i]}`), options.heartbeatIntervalMs !== 0),
  );
  return { seed, options, peers, closesAfterMs: random.chance(0.15) ? random.below(60) : undefined };
};

const peerOf = (label: string, random: Random, pinged: boolean): PeerPlan => ({
  label,
  connectsAfterMs: random.chance(0.5) ? 0 : random.below(40),
  upgrade: random.weighted([
    [30, "ok"],
    [6, "later"],
    [1, "refused"],
    [1, "fails"],
  ]),
  answersPings: random.chance(pinged ? 0.6 : 0.9),
  finishesClosing: random.chance(0.9),
  // A wire answers pings by itself, and must not do so in the middle of a frame.
  pieces: pinged ? 1 : random.pick([1, 1, 1, 3, 8]),
  actions: [
    ...entry(random),
    ...random.many(3, 25, () => actionOf(random)),
    // Long enough to be given up.
    ...(pinged && random.chance(0.5) ? [{ does: "wait", ms: 4 * HEARTBEAT_MS } as const] : []),
    ...exit(random),
  ],
});

/** Most authenticate, some at once and some late, with something before it, or never. */
const entry = (random: Random): Action[] => {
  const early = random.chance(0.3) ? random.many(1, 4, () => eventOf(random)) : [];
  const wait: Action[] = random.chance(0.2)
    ? [{ does: "wait", ms: random.chance(0.1) ? LATE_MS : random.below(30) }]
    : [];
  const patience: Action[] = random.chance(0.6) ? [{ does: "awaitAuth" }] : [];
  return random.chance(0.9) ? [...early, ...wait, authOf(random), ...patience] : [...early, ...wait];
};

const exit = (random: Random): Action[] =>
  random.weighted<() => Action[]>([
    [5, () => []],
    [2, () => [closeOf(random)]],
    // As if nothing had happened.
    [1, () => [closeOf(random), ...random.many(1, 3, () => actionOf(random))]],
    [2, () => [vanishOf(random)]],
    [1, () => [breachOf(random), ...random.many(0, 2, () => eventOf(random))]],
  ])();

const actionOf = (random: Random): Action =>
  random.weighted<() => Action>([
    [60, () => eventOf(random)],
    [8, () => ({ does: "ping" })],
    [2, () => ({ does: "pong" })],
    [10, () => ({ does: "wait", ms: random.below(8) })],
    [4, () => ({ does: "stall", ms: random.below(120) })],
    [1, () => authOf(random)],
    [1, () => ({ does: "text", text: random.pick(["", "text", "\u{1f600}"]) })],
    [1, () => ({ does: "malformed", bytes: malformed[random.below(malformed.length)]?.toString("latin1") ?? "" })],
    [0.5, () => ({ does: "reserved", name: random.pick(["ezez-ws::auth-ok", "ezez-ws::x"]) })],
    [0.5, () => breachOf(random)],
    [0.5, () => closeOf(random)],
    [0.5, () => vanishOf(random)],
  ])();

const eventOf = (random: Random): Action => ({
  does: "event",
  name: random.pick(["a", "a", "b", "*", "unheard of"]),
  size: random.weighted([
    [40, random.below(200)],
    [3, 1000],
    [2, MAX_PAYLOAD_BEFORE_AUTH + 500],
    [0.5, MAX_PAYLOAD + 500],
    [0.3, HUGE],
  ]),
  ...(random.chance(0.1) ? { replyTo: random.pick(["guessed", "unknown"]) } : {}),
  ...(random.chance(0.1) ? { frames: 2 + random.below(5) } : {}),
});

const authOf = (random: Random): Action => {
  const answer = random.weighted<Key["answer"]>([
    [20, "yes"],
    [1, "no"],
    [1, "truthy"],
    [1, "fail"],
    [1, "never"],
  ]);
  const key: Key = random.chance(0.4) ? { answer, afterMs: random.below(30) } : { answer };
  return random.weighted<Action>([
    [25, { does: "auth", key: JSON.stringify(key), version: 1 }],
    [1, { does: "auth", key: random.pick<unknown>([7, null, undefined, ["key"]]), version: 1 }],
    [
      1,
      { does: "auth", key: JSON.stringify(key), version: random.pick<unknown>([2, "1", undefined, { toString: 1 }]) },
    ],
  ]);
};

const breachOf = (random: Random): Action => ({
  does: "breach",
  breach: random.pick<Breach>([
    "reserved bit",
    "reserved opcode",
    "fragmented ping",
    "long ping",
    "lone continuation",
    "bad UTF-8",
  ]),
});

const closeOf = (random: Random): Action =>
  random.pick<Action>([
    { does: "close" },
    { does: "close", code: 1000 },
    { does: "close", code: 1001, reason: "going" },
    { does: "close", code: 4999, reason: "x".repeat(123) },
  ]);

const vanishOf = (random: Random): Action => ({
  does: "vanish",
  how: random.pick(["reset", "endTcp", "destroy"]),
  midFrame: random.chance(0.3),
});
