import { EZEZError } from "@ezez-ws/core";
import { expect } from "vitest";
import type { Client, Row, Server, ServerCallbacks, ServerOptions } from "./row.js";
import { until, within } from "./wait.js";
import { type HttpResponse, requestHttp, type Stream, Wire, type WireOptions } from "./wire.js";

const HOST = "127.0.0.1";

/** One call of a callback. */
export interface Call {
  readonly name: keyof ServerCallbacks;
  /** The client that it names; undefined for `onUpgrade`, and for an `onError` of none. */
  readonly client: Client | undefined;
  /** The other parameters. */
  readonly rest: readonly unknown[];
}

/** A server, and all that it told its callbacks. */
export class RunningServer {
  readonly server: Server;
  /** Every call of a callback, in order. */
  readonly calls: Call[] = [];
  readonly #lab: Lab;
  readonly #row: Row;
  #port: number | undefined;

  constructor(lab: Lab, row: Row, options: ServerOptions, callbacks: Partial<ServerCallbacks>) {
    this.#lab = lab;
    this.#row = row;
    this.server = row.create({ port: 0, host: HOST, ...options }, this.#recorded(callbacks));
  }

  /** Of its first start; peers knock there also when it is closed. */
  get port(): number {
    this.#port ??= this.server.address()?.port;
    if (this.#port === undefined) throw new Error("the server has no address");
    return this.#port;
  }

  /** A peer that has sent its upgrade request. */
  wire(options?: WireOptions): Wire {
    const wire = new Wire(this.port, { connect: this.#row.connect, ...options });
    this.#lab.keep(wire);
    return wire;
  }

  async open(options?: WireOptions): Promise<Wire> {
    return this.wire(options).opened();
  }

  async authenticated({ key, ...options }: WireOptions & { readonly key?: string } = {}): Promise<Wire> {
    const wire = await this.open(options);
    await wire.authenticate(key);
    return wire;
  }

  /** The answer to an upgrade request. */
  async upgradeAnswer(options?: WireOptions): Promise<HttpResponse> {
    return within(this.wire(options).response, "the answer to the upgrade request");
  }

  /** The answer to any other request. */
  http(text: string): Promise<HttpResponse> {
    return requestHttp(this.port, text, this.#row.connect);
  }

  /** A connection on which nothing was sent. */
  connect(): Stream {
    const stream = this.#row.connect(this.port, HOST);
    stream.on("error", () => undefined);
    this.#lab.keep(stream);
    return stream;
  }

  /** An authenticated peer, and the client that stands for it on the server. */
  async pair(options?: WireOptions): Promise<{ wire: Wire; client: Client }> {
    const before = this.count("onAuthOk");
    const wire = await this.authenticated(options);
    await this.called("onAuthOk", before + 1);
    const client = this.of("onAuthOk")[before]?.client;
    if (client === undefined) throw new Error("no client");
    return { wire, client };
  }

  /** The calls of one callback, in order. */
  of(name: keyof ServerCallbacks): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  count(name: keyof ServerCallbacks): number {
    return this.of(name).length;
  }

  /** The parameters behind the client of each call of one callback. */
  given(name: keyof ServerCallbacks): unknown[][] {
    return this.of(name).map((call) => [...call.rest]);
  }

  /** The errors reported so far. */
  get errors(): EZEZError[] {
    return this.of("onError").map(({ rest: [error] }) => {
      if (!(error instanceof EZEZError)) throw new Error("onError got something that is no EZEZError");
      return error;
    });
  }

  /** The names and arguments of the messages dispatched so far. */
  get messages(): unknown[][] {
    return this.of("onMessage").map(({ rest: [eventName, args] }) => [eventName, ...(args as unknown[])]);
  }

  /** Waits until a callback was called so often; returns that call. */
  async called(name: keyof ServerCallbacks, times = 1, milliseconds?: number): Promise<Call> {
    await until(() => this.count(name) >= times, `${name} was called ${times} times`, milliseconds);
    return this.of(name)[times - 1] as Call;
  }

  /** Another peer gets in and gets an answer: the server is in order. */
  async answersOthers(options?: WireOptions & { readonly key?: string }): Promise<void> {
    const wire = await this.authenticated(options);
    wire.close(1000);
    expect(await wire.closed()).toEqual({ code: 1000, reason: "" });
  }

  #recorded(given: Partial<ServerCallbacks>): ServerCallbacks {
    const { calls } = this;
    const record = (name: keyof ServerCallbacks, client: Client | undefined, ...rest: unknown[]): void => {
      calls.push({ name, client, rest });
    };
    return {
      onUpgrade: (request) => {
        record("onUpgrade", undefined, request);
        return given.onUpgrade === undefined ? true : given.onUpgrade(request);
      },
      onAuthRequest: (client, auth) => {
        record("onAuthRequest", client, auth);
        return given.onAuthRequest === undefined ? true : given.onAuthRequest(client, auth);
      },
      onAuthOk: (client) => {
        record("onAuthOk", client);
        return given.onAuthOk?.(client);
      },
      onAuthRejected: (client, reason) => {
        record("onAuthRejected", client, reason);
        return given.onAuthRejected?.(client, reason);
      },
      onMessage: (...parameters) => {
        const [client, ...rest] = parameters;
        record("onMessage", client, ...rest);
        // A callback of fewer parameters is called like one of all.
        return (given.onMessage as ((...all: typeof parameters) => unknown) | undefined)?.(...parameters);
      },
      onDisconnect: (client, code, reason) => {
        record("onDisconnect", client, code, reason);
        return given.onDisconnect?.(client, code, reason);
      },
      onDrain: (client) => {
        record("onDrain", client);
        return given.onDrain?.(client);
      },
      onError: (client, error) => {
        record("onError", client, error);
        return given.onError?.(client, error);
      },
    };
  }
}

/** What one case starts and opens; all of it is gone after the case. */
export class Lab {
  readonly #row: Row;
  readonly #servers: RunningServer[] = [];
  readonly #peers: { destroy(): unknown }[] = [];

  constructor(row: Row) {
    this.#row = row;
  }

  /** A server that was constructed and not started. */
  construct(options: ServerOptions = {}, callbacks: Partial<ServerCallbacks> = {}): RunningServer {
    const running = new RunningServer(this, this.#row, options, callbacks);
    this.#servers.push(running);
    return running;
  }

  /** A server of this row that listens on a free port. */
  async start(options: ServerOptions = {}, callbacks: Partial<ServerCallbacks> = {}): Promise<RunningServer> {
    const running = this.construct(options, callbacks);
    await running.server.start();
    return running;
  }

  /** The peer is given up after the case. */
  keep(peer: { destroy(): unknown }): void {
    this.#peers.push(peer);
  }

  /** Ends everything, and checks what holds for every connection of every case. */
  async dispose(): Promise<void> {
    for (const peer of this.#peers) peer.destroy();
    for (const { server } of this.#servers) await server.close({ timeoutMs: 100 });
    for (const running of this.#servers) {
      const over = new Set<Client>();
      for (const { name, client } of running.calls) {
        if (client === undefined) continue;
        if (name !== "onError") expect(over.has(client), `${name} after onDisconnect`).toBe(false);
        if (name === "onDisconnect") over.add(client);
      }
      const seen = new Set(running.calls.map(({ client }) => client).filter((client) => client !== undefined));
      for (const client of seen) {
        const times = running.of("onDisconnect").filter((call) => call.client === client).length;
        expect(times, "calls of onDisconnect for one connection").toBe(1);
        expect(client.alive).toBe(false);
        expect(client.awaitingRepliesCount).toBe(0);
      }
    }
  }
}
