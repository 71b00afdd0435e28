import type { Act, Key, Order, Sent, Session, Step } from "./session.js";

const auth = (key: Partial<Key> = {}): Sent => ({ auth: [JSON.stringify({ answer: "yes", ...key }), 1] });

/** An event that makes the application act where it is dispatched. */
const order = (
  event: string,
  at: Order["at"],
  acts: readonly Act[],
  more: { answers?: number | "unknown" } = {},
): Sent => ({
  event,
  args: [JSON.stringify({ at, acts })],
  ...more,
});

const sends = (peer: string, ...messages: Sent[]): Step => ({ step: "send", by: { [peer]: messages } });
const connects = (peer: string, ...send: Sent[]): Step => ({ step: "connect", peer, send });
const heartbeatIntervalMs = 0;

/** Every kind of thing that can be observed, once, in sessions that people can read. */
export const script: readonly Session[] = [
  {
    title: "upgrade",
    options: { heartbeatIntervalMs, path: "/ws", allowedOrigins: ["https://one.example"] },
    onUpgrade: { F: { status: 402 }, C: { status: 401, headers: { "x-why": "no ticket" }, body: "no ticket\n" } },
    steps: [
      {
        step: "connect",
        peer: "A",
        path: "/ws",
        headers: { "Sec-WebSocket-Protocol": "one, two", "X-Custom": "zażółć!" },
      },
      { step: "connect", peer: "B", path: "/elsewhere" },
      { step: "connect", peer: "C", path: "/ws" },
      { step: "connect", peer: "D", path: "/ws", headers: { Origin: "https://two.example" } },
      { step: "connect", peer: "E", path: "/ws", headers: { Origin: "https://one.example" }, send: [auth()] },
      { step: "connect", peer: "F", path: "/ws" },
    ],
  },
  {
    title: "auth",
    options: { heartbeatIntervalMs },
    steps: [
      connects("A", auth({ onAuthOk: [{ act: "send", name: "a", args: ["welcome"] }] })),
      connects("B", auth({ answer: "no", onAuthRejected: [{ act: "send", name: "a" }] })),
      connects("C", auth({ answer: "truthy" })),
      connects("D", auth({ answer: "throw" })),
      connects("E", { auth: [7, 1] }),
      connects("F", { auth: ["key", 2] }),
      connects("G", { auth: [] }),
      connects("H", auth({ answer: "later" }), { event: "a", args: ["too early"] }),
      { step: "decide", peer: "H", answer: true },
      connects("I", auth({ answer: "later" })),
      { step: "decide", peer: "I", answer: "fail" },
      connects("J", auth({ answer: "later" }), auth()),
      { step: "decide", peer: "J", answer: true },
      connects("K", auth({ answer: "later" })),
      sends("K", { close: [1000, "no patience"] }),
      { step: "decide", peer: "K", answer: true },
      sends("A", auth()),
      connects("L", auth({ onAuthRequest: [{ act: "disconnect", code: 4000, reason: "not you" }] })),
      connects("M", auth({ onAuthOk: [{ act: "disconnect" }] }), { event: "a" }),
    ],
  },
  {
    title: "timeouts and failures of auth",
    options: { heartbeatIntervalMs, authErrors: "retry", authTimeoutMs: 600, authDecisionTimeoutMs: 600 },
    steps: [
      connects("A"),
      { step: "expire", peer: "A" },
      connects("B", auth({ answer: "later" })),
      { step: "expire", peer: "B" },
      { step: "decide", peer: "B", answer: true },
      connects("C", auth({ answer: "throw" })),
    ],
  },
  {
    title: "a queue before auth",
    options: { heartbeatIntervalMs, messagesBeforeAuth: "queue", queueLimitBytes: 400, maxPayloadBeforeAuth: 300 },
    steps: [
      connects("A", { event: "a", args: [1] }, order("b", "onMessage", [{ act: "reply", name: "b" }]), {
        event: "a",
        args: ["x".repeat(200)],
      }),
      sends("A", { event: "a", args: ["x".repeat(200)] }, { event: "a", args: ["fits"] }),
      sends("A", auth({ onAuthOk: [{ act: "send", name: "a", args: ["before the queue"] }] })),
      connects("B", { event: "a" }, order("a", "listener", [{ act: "disconnect", code: 4000 }]), { event: "a" }),
      sends("B", auth()),
      connects("C", { size: 301 }),
    ],
  },
  {
    title: "messages and replies",
    options: { heartbeatIntervalMs, maxAwaitingReplies: 2 },
    steps: [
      connects("A", auth()),
      sends("A", { event: "a", args: [0, -0.5, "ż\u{1F600}\0", null, undefined, true, 2n ** 70n, new Date(0)] }),
      sends("A", { event: "*", args: [Buffer.from("bytes"), [{ inner: [undefined, 1n] }]] }, { event: "unheard of" }),
      sends(
        "A",
        order("a", "onMessage", [
          { act: "reply", name: "b", args: [1] },
          { act: "reply", name: "b", args: [2] },
        ]),
      ),
      sends("A", order("a", "listener", [{ act: "ask" }, { act: "ask" }, { act: "ask" }])),
      sends("A", order("a", "onReply", [{ act: "reply", name: "b", args: ["thanks"] }], { answers: 0 })),
      sends("A", order("a", "listener", [{ act: "send", name: "b", args: ["late"] }], { answers: 0 })),
      sends("A", { event: "a", answers: "unknown" }, { event: "b", answers: 1 }),
      sends("A", order("a", "onMessage", [{ act: "sendFunction" }, { act: "once" }]), { event: "b" }, { event: "b" }),
      sends("A", { ping: "are you there" }),
      sends(
        "A",
        ...Array.from(
          { length: 5 },
          (_, at): Sent => order("a", "listener", [{ act: "reply", name: "b", args: [at] }]),
        ),
      ),
    ],
  },
  {
    title: "callbacks that fail",
    options: { heartbeatIntervalMs },
    steps: [
      connects("A", auth({ onAuthOk: [{ act: "throw" }], onDisconnect: [{ act: "reject" }] })),
      // What a message leads to in microtasks comes before the next one, though both arrive at once.
      sends("A", order("a", "listener", [{ act: "reject" }]), order("a", "onMessage", [{ act: "throw" }]), {
        event: "a",
      }),
      sends("A", order("a", "listener", [{ act: "ask" }])),
      sends("A", order("a", "onReply", [{ act: "throw" }], { answers: 0 })),
      sends("A", { close: [] }),
    ],
  },
  {
    title: "several clients",
    options: { heartbeatIntervalMs },
    steps: [
      connects("A", auth()),
      connects("B", auth()),
      connects("C"),
      {
        step: "serve",
        acts: [
          { act: "broadcast", args: ["all"] },
          { act: "broadcast", except: ["A"], args: ["others"] },
        ],
      },
      sends(
        "A",
        order("a", "listener", [
          { act: "send", to: "B", name: "a" },
          { act: "broadcast", args: [1] },
        ]),
      ),
      sends("A", order("a", "listener", [{ act: "disconnect", to: "B", code: 4001, reason: "by A" }]), { event: "a" }),
      connects(
        "D",
        auth({
          onDisconnect: [
            { act: "broadcast", args: ["D left"] },
            { act: "send", name: "a" },
          ],
        }),
      ),
      { step: "send", by: { A: [{ event: "a" }, { event: "b" }], D: [{ event: "a" }, { event: "b" }] } },
      { step: "vanish", peer: "D", how: "reset" },
      connects("E", auth()),
      { step: "vanish", peer: "E", how: "endTcp" },
      connects("F", auth()),
      sends("F", { event: "a", args: ["last words"] }, { close: [3000, "żegnaj"] }),
    ],
  },
  {
    title: "ends",
    options: { heartbeatIntervalMs, maxPayload: 500, maxPayloadBeforeAuth: 500, sendAfterDisconnect: "throw" },
    steps: [
      connects("A", auth(), { text: "text" }, { event: "a" }),
      connects("B", auth(), { hex: "00" }),
      connects("C", auth(), { parts: ["a", 0, null] }),
      connects("D", auth(), { parts: ["ezez-ws::auth-ok"] }),
      connects("E", auth(), { size: 501 }),
      connects("F", auth()),
      sends(
        "F",
        order("a", "onMessage", [{ act: "ask" }, { act: "disconnect", code: 4002 }, { act: "reply", name: "b" }]),
      ),
      connects("G", auth()),
      sends(
        "G",
        order("a", "listener", [
          { act: "disconnect", code: 1005 },
          { act: "disconnect", reason: "x".repeat(124) },
        ]),
      ),
      sends("G", order("a", "listener", [{ act: "disconnect", code: 1008, reason: "ż".repeat(61) }])),
      connects("H", auth({ onDisconnect: [{ act: "throw" }] })),
      sends("H", { close: [1000] }),
      connects("I", auth({ onDisconnect: [{ act: "disconnect" }] })),
      connects("J"),
    ],
  },
  {
    title: "rate",
    options: { heartbeatIntervalMs, maxMessagesPerSecond: 3 },
    steps: [connects("A", auth(), { event: "a" }, { event: "a" }, { event: "a" }, { event: "a" })],
  },
];
