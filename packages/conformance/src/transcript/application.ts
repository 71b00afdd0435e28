import { EZEZError } from "@ezez-ws/core";
import type { Client, Events, Server, ServerCallbacks } from "../row.js";
import { gate } from "../wait.js";
import type { Act, Key, Order, Session } from "./session.js";
import { Ids, show, showHeaders } from "./show.js";

type EventReply = (
  name: keyof Events & string,
  args?: unknown[],
) => { eventId: number; replyTo: number | null } | undefined;

/** A line of what the server's application saw or did. */
export interface ServerLine {
  /** The peer whose client it concerns; "" for none. */
  readonly peer: string;
  readonly text: string;
}

/** The application of every session: it does what the messages tell it to, and writes all down. */
export class Application {
  readonly callbacks: ServerCallbacks;
  readonly lines: ServerLine[] = [];
  server: Server | undefined;
  readonly #clients = new Map<string, Client>();
  readonly #ids = new Map<string, Ids>();
  readonly #gates = new Map<string, ReturnType<typeof gate<boolean>>>();
  readonly #disconnected = new Map<string, ReturnType<typeof gate<void>>>();
  readonly #states = new Map<string, string>();

  constructor(session: Session) {
    this.callbacks = {
      onUpgrade: ({ url, headers, remoteAddress }) => {
        this.#write(labelIn(url), `onUpgrade ${show(url)} from ${remoteAddress}${showHeaders(headers)}`);
        return session.onUpgrade?.[labelIn(url)] ?? true;
      },
      onAuthRequest: (client, auth) => {
        this.#called(client, `onAuthRequest ${show(auth)}`);
        return this.#decide(client, auth);
      },
      onAuthOk: (client) => {
        this.#called(client, "onAuthOk");
        return this.#performAll(keyOf(client).onAuthOk, client);
      },
      onAuthRejected: (client, reason) => {
        this.#called(client, `onAuthRejected ${show(reason)}`);
        return this.#performAll(keyOf(client).onAuthRejected, client);
      },
      onMessage: (client, eventName, args, reply, ids) =>
        this.#message("onMessage", client, eventName, args, reply, ids),
      onDisconnect: (client, code, reason) => {
        this.#called(client, `onDisconnect ${code} ${show(reason)}`);
        this.disconnection(labelOf(client)).open();
        return this.#performAll(keyOf(client).onDisconnect, client);
      },
      onDrain: (client) => this.#called(client, "onDrain"),
      onError: (client, error) => this.#error(client, error),
    };
  }

  /** Of the server's ids on this peer's connection. */
  idsOf(peer: string): Ids {
    const ids = this.#ids.get(peer) ?? new Ids();
    this.#ids.set(peer, ids);
    return ids;
  }

  /** Passed once `onDisconnect` was called for this peer's client. */
  disconnection(peer: string): ReturnType<typeof gate<void>> {
    const disconnected = this.#disconnected.get(peer) ?? gate<void>();
    this.#disconnected.set(peer, disconnected);
    return disconnected;
  }

  /** Settles what `onAuthRequest` returned for this peer. */
  settle(peer: string, answer: boolean | "fail"): void {
    const decision = this.#gates.get(peer);
    if (answer === "fail") decision?.fail(new Error("no decision"));
    else decision?.open(answer);
  }

  /** What can be read of clients, where it is not what it was at the last call. */
  changes(): string[] {
    const clients = [...this.#clients].sort(([a], [b]) => (a < b ? -1 : 1));
    const now = clients.map(([peer, { alive, authenticated, awaitingRepliesCount, bufferedAmount }]) => {
      const auth = authenticated ? " authenticated" : "";
      return [peer, `${alive ? "open" : "closed"}${auth} ${awaitingRepliesCount} awaited ${bufferedAmount} buffered`];
    });
    now.push(["clients", show(this.server?.clients.map(labelOf))]);
    // One counter for the process: what is the same everywhere is that the ids count up.
    const ids = clients.map(([, client]) => client.connectionId);
    if (ids.some((id, at) => id <= (ids[at - 1] ?? -1))) now.push(["connectionId", "does not count up"]);
    const changed = now.filter(([of = "", state]) => this.#states.get(of) !== state);
    for (const [of = "", state = ""] of changed) this.#states.set(of, state);
    return changed.map((change) => change.join(" "));
  }

  perform(act: Act, client: Client | undefined, reply?: EventReply): unknown {
    switch (act.act) {
      case "reply":
        if (reply === undefined) return undefined;
        return this.#try(client, act, () => reply(act.name as keyof Events & string, [...(act.args ?? [])]));
      case "send":
        return this.#try(this.#target(client, act.to), act, (to) =>
          to.send(act.name as keyof Events & string, [...(act.args ?? [])]),
        );
      case "ask":
        return this.#try(this.#target(client, act.to), act, (to) =>
          to.send("c", ["question"], (...parameters: unknown[]) => {
            const [from, eventName, args, answer, ids] = parameters as [Client, string, unknown[], EventReply, IdPair];
            return this.#message("onReply", from, eventName, args, answer, ids);
          }),
        );
      case "broadcast": {
        const except = act.except?.flatMap((peer) => this.#clients.get(peer) ?? []);
        const count = this.server?.broadcast("b", [...(act.args ?? [])], except === undefined ? undefined : { except });
        this.#write("", `  broadcast, except ${show(act.except ?? [])}: reached ${count}`);
        return undefined;
      }
      case "disconnect":
        return this.#try(this.#target(client, act.to), act, (to) => to.disconnect(act.code, act.reason));
      case "sendFunction":
        return this.#try(client, act, (to) => to.send("a", [() => undefined]));
      case "once":
        return this.#try(client, act, (to) => {
          to.once("b", (args, _reply, ids) => this.#called(to, `once ${this.#showIds(to, ids)} ${show(args)}`));
        });
      case "throw":
        throw new Error("thrown on purpose");
      case "reject":
        return Promise.reject(new Error("rejected on purpose"));
    }
  }

  #performAll(acts: readonly Act[] | undefined, client: Client, reply?: EventReply): unknown {
    for (const act of acts ?? []) {
      const result = this.perform(act, client, reply);
      if (result !== undefined) return result;
    }
    return undefined;
  }

  #decide(client: Client, auth: string): boolean | Promise<boolean> {
    const { answer, onAuthRequest } = parse<Key>(auth, NO_KEY);
    const peer = labelOf(client);
    keys.set(client, parse<Key>(auth, NO_KEY));
    for (const name of ["a", "*"] as const) {
      client.on(name, (args, reply, ids) => this.#message("listener", client, name, args, reply, ids));
    }
    const rejected = this.#performAll(onAuthRequest, client);
    if (rejected !== undefined) return rejected as Promise<never>;
    if (answer === "throw") throw new Error("thrown on purpose");
    if (answer === "truthy") return 1 as unknown as boolean;
    if (answer !== "later") return answer === "yes";
    const decision = gate<boolean>();
    this.#gates.set(peer, decision);
    return decision.passed;
  }

  #message(
    at: Order["at"],
    client: Client,
    eventName: string,
    args: unknown[],
    reply: EventReply,
    ids: IdPair,
  ): unknown {
    this.#called(client, `${at} ${show(eventName)} ${this.#showIds(client, ids)} ${show(args)}`);
    const order = parse<Order>(args[0], NO_ORDER);
    return order.at === at ? this.#performAll(order.acts, client, reply) : undefined;
  }

  #error(client: Client | undefined, error: unknown): void {
    if (!(error instanceof EZEZError)) throw new Error("onError got something that is no EZEZError");
    const { code, stage, message, cause } = error;
    // What a transport says of its failures is its own.
    const words = code === "TRANSPORT_ERROR" ? "" : ` ${show(message)}`;
    const because = code === "CALLBACK_FAILED" ? ` because of ${show(cause)}` : "";
    const text = `onError ${code} at ${stage}${words}${because}`;
    if (client === undefined) this.#write("", text);
    else this.#called(client, text);
  }

  #target(client: Client | undefined, to: string | undefined): Client | undefined {
    return to === undefined ? client : this.#clients.get(to);
  }

  #try(client: Client | undefined, act: Act, call: (client: Client) => unknown): undefined {
    const what = `  ${Object.values(act)
      .map((value) => (typeof value === "string" ? value : show(value)))
      .join(" ")}`;
    if (client === undefined) {
      this.#write("", `${what}: no such client`);
      return;
    }
    const peer = labelOf(client);
    const at = this.lines.length;
    let outcome: string;
    try {
      const ids = call(client);
      outcome = isIds(ids) ? `${this.idsOf(peer).given(ids.eventId)} ${show(ids.replyTo)}` : show(ids);
    } catch (error) {
      outcome = error instanceof EZEZError ? `throws ${error.code} at ${error.stage}` : `throws ${show(error)}`;
    }
    // Before the lines of what it called back.
    this.lines.splice(at, 0, { peer, text: `${what}: ${outcome}` });
  }

  #called(client: Client, text: string): void {
    const peer = labelOf(client);
    const known = this.#clients.get(peer);
    if (known === undefined) this.#clients.set(peer, client);
    else if (known !== client) this.#write(peer, "another object stands for this client");
    this.#write(peer, text);
  }

  #showIds(client: Client, { eventId, replyTo }: IdPair): string {
    return `${eventId} ${this.idsOf(labelOf(client)).named(replyTo)}`;
  }

  #write(peer: string, text: string): void {
    this.lines.push({ peer, text });
  }
}

type IdPair = { eventId: number; replyTo: number | null };

const isIds = (value: unknown): value is IdPair => typeof value === "object" && value !== null && "eventId" in value;

const NO_KEY: Key = { answer: "no" };
const NO_ORDER: Order = { at: "onMessage", acts: [] };

const keys = new WeakMap<Client, Key>();
const keyOf = (client: Client): Key => keys.get(client) ?? NO_KEY;

// Both are the session's own JSON, or a text that is none.
const parse = <T>(text: unknown, otherwise: T): T => {
  if (typeof text !== "string" || !text.startsWith("{")) return otherwise;
  return JSON.parse(text) as T;
};

const labelIn = (url: string): string => /[?&]peer=(\w+)/.exec(url)?.[1] ?? "?";
export const labelOf = (client: { readonly request: { readonly url: string } }): string => labelIn(client.request.url);
