import { type ClientCallbacks, type ClientOptions, EZEZWebSocketClient, type TEvents } from "@ezez-ws/client";
import { afterEach, beforeEach, type MockInstance, vi } from "vitest";
import { type Peer, RawServer, within } from "./raw-server.js";

/** Where the client takes Bun's own WebSocket. */
export const onBun = "Bun" in globalThis;

/** For the name of a test that is skipped there. */
export const notOnBun = (why: string): string => (onBun ? ` (skipped on Bun: ${why})` : "");

/** Every callback of one client, in the order in which they were called. */
export class Journal {
  readonly entries: [name: string, ...args: unknown[]][] = [];
  readonly #waiting = new Set<() => void>();

  add(name: string, ...args: unknown[]): void {
    this.entries.push([name, ...args]);
    for (const check of this.#waiting) check();
  }

  named(name: string): unknown[][] {
    return this.entries.filter(([entry]) => entry === name).map(([, ...args]) => args);
  }

  /** Resolves to the arguments of the callback's call of this number, which counts from 1. */
  async call(name: string, number = 1): Promise<unknown[]> {
    const found = (): unknown[] | undefined => this.named(name)[number - 1];
    await within(
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (found() === undefined) return;
          this.#waiting.delete(check);
          resolve();
        };
        this.#waiting.add(check);
        check();
      }),
      `${name}, call ${number}, after ${JSON.stringify(this.entries.map(([entry]) => entry))}`,
    );
    return found() ?? [];
  }

  /** The codes of the errors so far. */
  get errors(): unknown[] {
    return this.named("onError").map(([error]) => (error as { code: string }).code);
  }
}

export type AnyEvents = TEvents & Record<string, unknown[]>;
export type Client = EZEZWebSocketClient<AnyEvents>;

interface Setup {
  server: RawServer;
  random: MockInstance<() => number>;
  /** Connects to the raw server; calls of callbacks go to the journal, and then to those given. */
  connect(options?: ClientOptions, callbacks?: ClientCallbacks<AnyEvents>, url?: string): Connected;
  /** A client whose server has accepted it. */
  ready(options?: ClientOptions, callbacks?: ClientCallbacks<AnyEvents>): Promise<Connected & { peer: Peer }>;
}

interface Connected {
  client: Client;
  journal: Journal;
}

/** A raw server for each test, clients that are closed after it, and attempts that follow one another at once. */
export const setUp = (): Setup => {
  const clients: Client[] = [];
  const context: Setup = {
    server: undefined as unknown as RawServer,
    random: undefined as unknown as MockInstance<() => number>,
    connect: (options: ClientOptions = {}, callbacks: ClientCallbacks<AnyEvents> = {}, url = context.server.url) => {
      const journal = new Journal();
      const names = ["onConnect", "onAuthOk", "onAuthRejected", "onMessage", "onDisconnect", "onError"] as const;
      const journaled = Object.fromEntries(
        names.map((name) => [
          name,
          (...args: unknown[]) => {
            journal.add(name, ...args);
            return (callbacks[name] as ((...parameters: unknown[]) => unknown) | undefined)?.(...args);
          },
        ]),
      );
      const client: Client = new EZEZWebSocketClient<AnyEvents>(url, undefined, options, journaled);
      clients.push(client);
      return { client, journal };
    },
    ready: async (options: ClientOptions = {}, callbacks: ClientCallbacks<AnyEvents> = {}) => {
      const { client, journal } = context.connect(options, callbacks);
      const peer = await context.server.nextPeer();
      if (options.auth !== null) {
        await peer.accept();
        await journal.call("onAuthOk");
      } else await journal.call("onConnect");
      return { client, journal, peer };
    },
  };

  beforeEach(async () => {
    context.random = vi.spyOn(Math, "random").mockReturnValue(0.0001);
    context.server = await RawServer.start();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await context.server.stop();
    vi.restoreAllMocks();
  });

  return context;
};

/** A tick of the event loop in which every callback that is due has run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
