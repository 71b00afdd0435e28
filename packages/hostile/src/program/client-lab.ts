import { subscribe } from "node:diagnostics_channel";
import { type ClientCallbacks, type ClientOptions, EZEZWebSocketClient } from "@ezez-ws/client";
import type { AnyEvents } from "./lab.js";
import { liveTimers } from "./timers.js";

export type AnyClient = EZEZWebSocketClient<AnyEvents>;

/** A process of clients as the functions of a case see it. */
export class ClientLab {
  readonly clients: AnyClient[] = [];
  /** Calls of callbacks: the name, and the parameters. */
  readonly calls: (readonly [name: keyof ClientCallbacks<AnyEvents>, ...parameters: unknown[]])[] = [];
  readonly kept = new Map<string, unknown>();
  /** When the process began each of its TCP connections. */
  readonly attempts: number[] = [];

  constructor() {
    subscribe("net.client.socket", () => this.attempts.push(performance.now()));
  }

  connect(
    url: string,
    options: ClientOptions = {},
    callbacks: ClientCallbacks<AnyEvents> = {},
    protocols?: string[],
  ): AnyClient {
    const names = ["onConnect", "onAuthOk", "onAuthRejected", "onMessage", "onDisconnect", "onError"] as const;
    const recorded = Object.fromEntries(
      names.map((name) => [
        name,
        (...parameters: unknown[]) => {
          this.calls.push([name, ...parameters]);
          return (callbacks[name] as ((...all: unknown[]) => unknown) | undefined)?.(...parameters);
        },
      ]),
    );
    const client: AnyClient = new EZEZWebSocketClient<AnyEvents>(url, protocols, options, recorded);
    this.clients.push(client);
    return client;
  }

  get client(): AnyClient {
    const [client] = this.clients;
    if (client === undefined) throw new Error("there is no client");
    return client;
  }

  given(name: keyof ClientCallbacks<AnyEvents>): unknown[][] {
    return this.calls.filter(([called]) => called === name).map(([, ...parameters]) => parameters);
  }

  get errors(): string[] {
    return this.given("onError").map(([error]) => (error as { code: string }).code);
  }

  get timers(): number {
    return liveTimers.size;
  }
}
