import { EZEZError } from "@ezez-ws/core";
import { Random } from "../random.js";
import type { Client, Events, Server, ServerCallbacks } from "../row.js";
import { CANARY, type Key, type Plan } from "./plan.js";

type EventName = keyof Events & string;
type Ids = { readonly eventId: number; readonly replyTo: number | null };
type Reply = (name: EventName, args?: unknown[], onReply?: OnReply) => Ids | undefined;
type OnReply = (client: Client, name: EventName, args: unknown[], reply: Reply, ids: Ids) => unknown;

/** One thing that the application was told about a connection, or did to it. */
export type Event =
  | { readonly at: "onAuthRequest"; readonly key: string }
  | { readonly at: "onAuthOk" }
  | { readonly at: "onAuthRejected"; readonly reason: string }
  | { readonly at: "onMessage"; readonly name: string; readonly ids: Ids; readonly args: readonly unknown[] }
  /** Now the message goes to `onReply`, or to the listeners that there are now. */
  | { readonly at: "onMessage is over" }
  | { readonly at: "onReply"; readonly asked: number; readonly ids: Ids }
  | { readonly at: "listener"; readonly listener: number; readonly ids: Ids }
  | { readonly at: "onDisconnect"; readonly code: number; readonly reason: string }
  | { readonly at: "onDrain" }
  | { readonly at: "onError"; readonly code: string; readonly cause: string }
  | { readonly at: "on" | "once" | "off"; readonly name: string; readonly listener: number }
  | { readonly at: "sent"; readonly ids: Ids; readonly tag: number; readonly question: boolean }
  | { readonly at: "not sent"; readonly why: string; readonly question: boolean; readonly wasAlive: boolean }
  | { readonly at: "broadcast"; readonly tag: number; readonly toAll: boolean }
  | { readonly at: "disconnect"; readonly code: number; readonly reason: string }
  | { readonly at: "the server closes"; readonly bufferedAmount: number }
  | { readonly at: "throws"; readonly cause: string };

/** What was so when it happened. */
export type Noted = Event & { readonly ms: number; readonly alive: boolean; readonly awaited: number };

/** One connection as the application knows it. */
export class Known {
  readonly client: Client;
  readonly log: Noted[] = [];
  readonly random: Random;

  constructor(client: Client, random: Random) {
    this.client = client;
    this.random = random;
  }

  note(event: Event): void {
    const { alive, awaitingRepliesCount: awaited } = this.client;
    this.log.push({ ...event, ms: Math.round(performance.now()), alive, awaited });
  }
}

const FLOOD = Buffer.alloc(256 * 1024);

/** The application under a server: at each callback it does something at random, and writes all down. */
export class Application {
  readonly callbacks: ServerCallbacks;
  readonly known = new Map<string, Known>();
  /** What cannot be, whoever it concerns. */
  readonly problems: string[] = [];
  server: Server | undefined;
  readonly #plan: Plan;
  readonly #floods: boolean;
  #lastTag = 0;
  #pending = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#floods = plan.options.slowConsumer !== undefined;
    this.callbacks = {
      onUpgrade: ({ url }) => this.#upgrade(labelIn(url)),
      onAuthRequest: (client, key) => {
        const of = this.#of(client);
        of.note({ at: "onAuthRequest", key });
        if (this.#isCanary(client)) return true;
        if (of.random.chance(0.1)) this.#greet(of);
        return this.#decide(of, key);
      },
      onAuthOk: (client) => {
        const of = this.#of(client);
        of.note({ at: "onAuthOk" });
        return this.#perhaps(of, 0.5, undefined);
      },
      onAuthRejected: (client, reason) => {
        const of = this.#of(client);
        of.note({ at: "onAuthRejected", reason });
        return this.#perhaps(of, 0.3, undefined);
      },
      onMessage: (client, name, args, reply, ids) => {
        const of = this.#of(client);
        of.note({ at: "onMessage", name, args, ids });
        try {
          if (this.#isCanary(client)) this.#hand(of, false, () => (reply as Reply)("a", [...args]));
          else return this.#perhaps(of, 0.5, reply as Reply);
        } finally {
          of.note({ at: "onMessage is over" });
        }
      },
      onDisconnect: (client, code, reason) => {
        const of = this.#of(client);
        of.note({ at: "onDisconnect", code, reason });
        return this.#perhaps(of, 0.3, undefined);
      },
      onDrain: (client) => this.#of(client).note({ at: "onDrain" }),
      onError: (client, error) => {
        if (!(error instanceof EZEZError)) this.problems.push("onError got something that is no EZEZError");
        const cause = error.cause instanceof Error ? error.cause.message : "";
        if (client !== undefined) this.#of(client).note({ at: "onError", code: error.code, cause });
        else if (error.code !== "CALLBACK_FAILED") this.problems.push(`an error of no client: ${error}`);
      },
    };
  }

  /** Nothing that was put off is still to come. */
  get isQuiet(): boolean {
    return this.#pending === 0;
  }

  /** To be called before the server closes. */
  noteClose(): void {
    for (const of of this.known.values()) {
      const { alive, bufferedAmount } = of.client;
      if (alive) of.note({ at: "the server closes", bufferedAmount });
    }
  }

  #upgrade(label: string): ReturnType<NonNullable<ServerCallbacks["onUpgrade"]>> {
    const plan = this.#plan.peers.find((peer) => peer.label === label);
    switch (plan?.upgrade) {
      case "refused":
        return { status: 402 };
      case "fails":
        throw new Error("no upgrade");
      case "later":
        return this.#later(5).then(() => true);
      default:
        return true;
    }
  }

  #decide(of: Known, key: string): boolean | Promise<boolean> {
    const { answer, afterMs } = JSON.parse(key) as Key;
    const decide = (): boolean => {
      if (answer === "fail") return this.#throw(of);
      return answer === "truthy" ? (1 as unknown as boolean) : answer === "yes";
    };
    if (answer === "never") return new Promise(() => undefined);
    return afterMs === undefined ? decide() : this.#later(afterMs).then(decide);
  }

  /** What throws nothing, which would be the decision. */
  #greet(of: Known): undefined {
    return of.random.pick<() => undefined>([
      () => this.#hand(of, false, (tag) => of.client.send("b", ["push", tag])),
      () => this.#hand(of, true, (tag, onReply) => of.client.send("c", [tag], onReply)),
      () => this.#disconnect(of, of.random),
    ])();
  }

  #perhaps(of: Known, chance: number, reply: Reply | undefined): unknown {
    if (!of.random.chance(chance)) return undefined;
    let result: unknown;
    for (let acts = 1 + of.random.below(3); acts > 0 && result === undefined; acts--) result = this.#act(of, reply);
    return result;
  }

  #act(of: Known, reply: Reply | undefined): unknown {
    const { random } = of;
    const to = random.chance(0.3) ? this.#anyone(random) : of;
    return random.weighted<() => unknown>([
      [reply === undefined ? 0 : 12, () => this.#hand(of, false, (tag) => reply?.("a", ["re", tag]))],
      [reply === undefined ? 0 : 2, () => this.#hand(of, true, (tag, onReply) => reply?.("c", [tag], onReply))],
      [6, () => this.#hand(to, false, (tag) => to.client.send("b", ["push", tag]))],
      [6, () => this.#hand(to, true, (tag, onReply) => to.client.send("c", [tag], onReply))],
      [3, () => this.#broadcast(random)],
      [2, () => this.#listen(to)],
      [1, () => this.#hand(of, false, () => of.client.send("a", [() => undefined]))],
      [0.7, () => this.#disconnect(to, random)],
      [1, () => this.#throw(of)],
      [1, () => this.#later(0).then(() => this.#throw(of))],
      [2, () => this.#later(random.below(10)).then(() => this.#perhaps(of, 0.9, reply))],
      [this.#floods ? 0.5 : 0, () => this.#flood(to)],
    ])();
  }

  /** Sends something, and notes what came of it. */
  #hand(of: Known, question: boolean, send: (tag: number, onReply: OnReply) => Ids | undefined): undefined {
    const tag = ++this.#lastTag;
    const wasAlive = of.client.alive;
    let asked = -1;
    const onReply: OnReply = (client, _name, args, reply, ids) => {
      if (client !== of.client) this.problems.push("onReply got another client");
      if (typeof args[0] === "number" && args[0] !== tag)
        this.problems.push(`question ${tag} got an answer to ${args[0]}`);
      of.note({ at: "onReply", asked, ids });
      return this.#perhaps(of, 0.3, reply);
    };
    let ids: Ids | undefined;
    let why = "undefined";
    try {
      ids = send(tag, onReply);
    } catch (error) {
      why = error instanceof EZEZError ? error.code : String(error);
    }
    if (ids === undefined) of.note({ at: "not sent", why, question, wasAlive });
    else {
      asked = ids.eventId;
      of.note({ at: "sent", ids, tag, question });
    }
  }

  #broadcast(random: Random): undefined {
    const tag = ++this.#lastTag;
    const all = this.server?.clients ?? [];
    const except = all.filter(() => random.chance(0.2));
    const to = all.filter((client) => !except.includes(client));
    const count = this.server?.broadcast("b", ["broadcast", tag], { except });
    if (count === undefined || count > to.length) this.problems.push(`a broadcast to ${to.length} reached ${count}`);
    for (const client of to) this.#of(client).note({ at: "broadcast", tag, toAll: count === to.length });
  }

  #listen(to: Known): undefined {
    if (this.#isCanary(to.client)) return;
    const name = to.random.pick(["a", "b", "*"] as const);
    const listener = ++this.#lastTag;
    const call = (_args: unknown[], reply: Reply, ids: Ids): unknown => {
      to.note({ at: "listener", listener, ids });
      return this.#perhaps(to, 0.3, reply);
    };
    if (to.random.chance(0.5)) {
      to.client.once(name, call as never);
      to.note({ at: "once", name, listener });
    } else {
      to.client.on(name, call as never);
      to.note({ at: "on", name, listener });
      if (to.random.chance(0.5)) return;
      to.client.off(name, call as never);
      to.note({ at: "off", name, listener });
    }
  }

  #disconnect(to: Known, random: Random): undefined {
    if (this.#isCanary(to.client)) return;
    const [code, reason] = random.pick<[number, string]>([
      [1000, ""],
      [1008, "policy"],
      [4999, "x".repeat(123)],
      [1005, ""],
      [4000, "x".repeat(124)],
    ]);
    const valid = code !== 1005 && reason.length < 124;
    if (valid && to.client.alive) to.note({ at: "disconnect", code, reason });
    try {
      to.client.disconnect(code, reason);
      if (!valid) this.problems.push(`disconnect(${code}, ${reason}) did not throw`);
    } catch (error) {
      if (valid || !(error instanceof EZEZError)) this.problems.push(`disconnect(${code}) threw ${error}`);
    }
    if (valid && to.client.alive) this.problems.push("alive after disconnect");
  }

  #flood(to: Known): undefined {
    if (this.#isCanary(to.client)) return;
    for (let i = 0; i < 40; i++) this.#hand(to, false, (tag) => to.client.send("b", ["push", tag, FLOOD]));
  }

  #throw(of: Known): never {
    const cause = `on purpose ${++this.#lastTag}`;
    of.note({ at: "throws", cause });
    throw new Error(cause);
  }

  async #later(ms: number): Promise<void> {
    this.#pending++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    // What follows in this turn may put something off again.
    setImmediate(() => this.#pending--);
  }

  #anyone(random: Random): Known {
    const all = [...this.known.values()];
    return all[random.below(all.length)] as Known;
  }

  #isCanary(client: Client): boolean {
    return labelIn(client.request.url) === CANARY;
  }

  #of(client: Client): Known {
    const label = labelIn(client.request.url);
    const known = this.known.get(label);
    if (known !== undefined) {
      if (known.client !== client) this.problems.push(`another object stands for ${label}`);
      return known;
    }
    const first = new Known(client, Random.of(this.#plan.seed, `server ${label}`));
    this.known.set(label, first);
    return first;
  }
}

const labelIn = (url: string): string => /[?&]peer=(\w+)/.exec(url)?.[1] ?? "?";
