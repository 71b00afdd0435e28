import { readFile } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Callbacks, CommonOptions, EZEZServer, EZEZServerClient, TEvents } from "@ezez-ws/core";
import { CANARY_URL } from "./protocol.js";
import { liveTimers } from "./timers.js";

/** Any event with any arguments: what comes is checked at run time. */
export type AnyEvents = TEvents & Record<string, unknown[]>;
// biome-ignore lint/complexity/noBannedTypes: no context
type NoContext = {};
export type Client = EZEZServerClient<AnyEvents, AnyEvents, NoContext>;
export type Server = Pick<
  EZEZServer<AnyEvents, AnyEvents, NoContext>,
  "start" | "close" | "broadcast" | "clients" | "address"
>;
export type ServerOptions = CommonOptions & { readonly port?: number; readonly host?: string };
export type ServerCallbacks = Callbacks<AnyEvents, AnyEvents, NoContext>;
export type CreateServer = (
  options: CommonOptions & { port: number; host: string },
  callbacks: ServerCallbacks,
) => Server;

/** What a case gives for its server, made in the server's own process. */
export interface Setting {
  readonly options?: ServerOptions;
  readonly callbacks?: Partial<ServerCallbacks>;
}

/** One call of a callback: the client's number, where it names one, and the other parameters. */
export interface Call {
  readonly name: keyof ServerCallbacks;
  readonly client: number | undefined;
  readonly rest: readonly unknown[];
}

/** How much of what is the application's own is there; each has to come back to where it was. */
export interface Balance {
  readonly connections: number;
  readonly pendingReplies: number;
  readonly timers: number;
}

// What a flood leaves must not be the record of it.
const KEPT_CALLS = 3000;

/** The server's process as the functions of a case see it. */
export class Lab {
  server!: Server;
  /** Calls of callbacks, in order; only the first of a flood. */
  readonly calls: Call[] = [];
  /** How often each callback was called. */
  readonly counts: Partial<Record<keyof ServerCallbacks, number>> = {};
  /** Clients that any callback has named and that have not ended, by their numbers. */
  readonly open = new Map<number, Client>();
  /** What broke a rule that holds for every connection; has to stay empty. */
  readonly violations: string[] = [];
  /** Whatever a case wants to find again in its next call. */
  readonly kept = new Map<string, unknown>();
  readonly #ended = new Set<number>();
  readonly #create: CreateServer;
  #defaults: ServerOptions = {};

  constructor(create: CreateServer) {
    this.#create = create;
  }

  /** Makes and starts the server. Gives its port. */
  async serve({ options = {}, callbacks = {} }: Setting, defaults: ServerOptions = {}): Promise<number> {
    this.#defaults = defaults;
    this.server = this.make(options, callbacks);
    await this.server.start();
    return this.port;
  }

  make(options: ServerOptions, callbacks: Partial<ServerCallbacks>): Server {
    return this.#create({ port: 0, host: "127.0.0.1", ...this.#defaults, ...options }, this.#recorded(callbacks));
  }

  get port(): number {
    return this.server.address()?.port ?? 0;
  }

  count(name: keyof ServerCallbacks): number {
    return this.counts[name] ?? 0;
  }

  /** The parameters behind the client of each call of one callback. */
  given(name: keyof ServerCallbacks): (readonly unknown[])[] {
    return this.calls.filter((call) => call.name === name).map(({ rest }) => rest);
  }

  /** Codes of the errors so far. */
  get errors(): string[] {
    return this.given("onError").map(([error]) => (error as { code: string }).code);
  }

  /** Names and arguments of the messages dispatched so far. */
  get messages(): unknown[][] {
    return this.given("onMessage").map(([eventName, args]) => [eventName, ...(args as unknown[])]);
  }

  /** The only client that is open. */
  get client(): Client {
    const [client, another] = this.open.values();
    if (client === undefined || another !== undefined) throw new Error(`${this.open.size} clients are open`);
    return client;
  }

  get balance(): Balance {
    let pendingReplies = 0;
    for (const client of this.open.values()) pendingReplies += client.awaitingRepliesCount;
    return { connections: this.open.size, pendingReplies, timers: liveTimers.size };
  }

  /** Collects what is garbage; then what is left, in bytes. */
  async memory(): Promise<{ rss: number; heapUsed: number; external: number }> {
    const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
    if (Bun === undefined) setFlagsFromString("--expose-gc");
    const collect = Bun === undefined ? (runInNewContext("gc") as () => void) : () => Bun.gc(true);
    // What one round leaves to be freed is freed between them.
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  }

  /** Sets the wall clock of the process by so much. */
  skewClock(milliseconds: number): void {
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...parameters: [] | [number]) {
        super(...(parameters.length === 0 ? ([RealDate.now() + milliseconds] as const) : parameters));
      }
      static override now(): number {
        return RealDate.now() + milliseconds;
      }
    } as DateConstructor;
  }

  /** An HTTP server of the user's, not listening yet. */
  httpServer(): HttpServer {
    return createServer((_request, response) => response.end("the user's"));
  }

  /** Reads a file: a wait for something outside of the process. */
  async realIo(): Promise<void> {
    await readFile("/dev/null").catch(() => undefined);
  }

  /** Keeps the loop busy. */
  block(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  }

  /** How long the loop was kept busy at the most while this ran: milliseconds of the clock or of the processor, whichever is less. */
  async longestBlock(run: () => unknown): Promise<number> {
    let longest = 0;
    let last = performance.now();
    let used = process.cpuUsage();
    const look = (): void => {
      const now = performance.now();
      const { user, system } = process.cpuUsage(used);
      longest = Math.max(longest, Math.min(now - last, (user + system) / 1000));
      last = now;
      used = process.cpuUsage();
    };
    const timer = setInterval(look, 1);
    await run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    look();
    clearInterval(timer);
    return longest;
  }

  #recorded(given: Partial<ServerCallbacks>): ServerCallbacks {
    const isCanary = (client: Client | undefined): boolean => client?.request.url === CANARY_URL;
    const record = (name: keyof ServerCallbacks, client: Client | undefined, ...rest: unknown[]): void => {
      this.counts[name] = this.count(name) + 1;
      const id = client?.connectionId;
      if (this.calls.length < KEPT_CALLS) this.calls.push({ name, client: id, rest });
      if (client === undefined || id === undefined) return;
      const ended = this.#ended.has(id);
      if (name === "onDisconnect") {
        if (ended) this.violations.push("onDisconnect was called twice");
        if (client.alive || client.awaitingRepliesCount > 0) this.violations.push("onDisconnect of a client alive");
        this.#ended.add(id);
        this.open.delete(id);
      } else if (!ended) this.open.set(id, client);
      else if (name !== "onError") this.violations.push(`${name} after onDisconnect`);
    };
    return {
      onUpgrade: (request) => {
        if (request.url === CANARY_URL) return true;
        record("onUpgrade", undefined, request);
        return given.onUpgrade === undefined ? true : given.onUpgrade(request);
      },
      onAuthRequest: (client, auth) => {
        if (isCanary(client)) return true;
        record("onAuthRequest", client, auth);
        return given.onAuthRequest === undefined ? auth !== "wrong" : given.onAuthRequest(client, auth);
      },
      onAuthOk: (client) => {
        client.on("echo", (args, reply) => reply("echo", args));
        if (isCanary(client)) return undefined;
        record("onAuthOk", client);
        return given.onAuthOk?.(client);
      },
      onAuthRejected: (client, reason) => {
        record("onAuthRejected", client, reason);
        return given.onAuthRejected?.(client, reason);
      },
      onMessage: (...parameters) => {
        const [client, ...rest] = parameters;
        if (isCanary(client)) return undefined;
        record("onMessage", client, ...rest);
        // A callback of fewer parameters is called like one of all.
        return (given.onMessage as ((...all: typeof parameters) => unknown) | undefined)?.(...parameters);
      },
      onDisconnect: (client, code, reason) => {
        if (isCanary(client)) return undefined;
        record("onDisconnect", client, code, reason);
        return given.onDisconnect?.(client, code, reason);
      },
      onDrain: (client) => {
        if (isCanary(client)) return undefined;
        record("onDrain", client);
        return given.onDrain?.(client);
      },
      onError: (client, error) => {
        if (client?.request.url === CANARY_URL) this.violations.push(`the canary: ${error.code} ${error.message}`);
        record("onError", client, error);
        return given.onError?.(client, error);
      },
    };
  }
}
