import type { Admission, Callbacks, Handshake, Listener, Options, Socket, SocketHandler } from "../src/index.js";
import { createHandshake, EZEZServer } from "../src/index.js";
import type { Acceptor, SendStatus } from "../src/socket.js";
import { referenceDecode, referenceEncode } from "./reference.js";

/** How a socket reports its end: inside `close()` and `terminate()`, as some runtimes do, or later. */
export type Closing = "synchronously" | "asynchronously";

/** A connection in memory: the socket that the core drives, and the peer behind it. */
export class MemorySocket implements Socket<string> {
  readonly raw: string;
  readonly log: string[] = [];
  readonly sent: Uint8Array[] = [];
  bufferedAmount = 0;
  status: SendStatus = "sent";
  /** Whether the peer finishes the closing handshake. */
  answersClose = true;
  answersPing = true;
  ping?: () => void;
  #closed = false;
  #handler: SocketHandler | undefined;
  readonly #closing: Closing;

  constructor(raw: string, closing: Closing, canPing = true) {
    this.raw = raw;
    this.#closing = closing;
    if (!canPing) return;
    this.ping = () => {
      this.log.push("ping");
      if (this.answersPing) this.handler.pong();
    };
  }

  get handler(): SocketHandler {
    if (this.#handler === undefined) throw new Error("not connected");
    return this.#handler;
  }

  connect(handler: SocketHandler): void {
    this.#handler = handler;
  }

  send(bytes: Uint8Array): SendStatus {
    if (this.#closed) return "dropped";
    if (this.status !== "dropped") this.sent.push(bytes.slice());
    return this.status;
  }

  close(code: number, reason: string): void {
    this.log.push(`close ${code} ${reason}`.trim());
    if (this.answersClose) this.#end(code, reason);
  }

  terminate(): void {
    this.log.push("terminate");
    this.#end(1006, "");
  }

  /** What the peer has received, as the reference decodes it. */
  get received(): unknown[][] {
    return this.sent.map((bytes) => referenceDecode(bytes));
  }

  /** The peer sends a message. */
  receive(...values: unknown[]): void {
    this.receiveBytes(referenceEncode(values));
  }

  /** Lends the bytes for the call only, as a transport may. */
  receiveBytes(bytes: Uint8Array | string): void {
    if (this.#closed) return;
    if (typeof bytes === "string") {
      this.handler.message(bytes);
      return;
    }
    const lent = new Uint8Array(bytes);
    this.handler.message(lent);
    lent.fill(0xaa);
  }

  auth(key: unknown = "key", version: unknown = 1): void {
    this.receive("ezez-ws::auth", key, version);
  }

  /** The peer closes, or is gone. */
  leave(code = 1005, reason = ""): void {
    this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.bufferedAmount = 0;
    if (this.#closing === "synchronously") this.handler.close(code, reason);
    else setTimeout(() => this.handler.close(code, reason), 1);
  }
}

/** Every test's events, both ways: any arguments at all. */
export type Events = { [K in "a" | "b" | "c" | "q" | "answer" | "news" | "*"]: unknown[] };
export type Context = { user?: { name: string } | undefined };
export type Server = EZEZServer<Events, Events, Context, string, MemoryListener>;
export type TestCallbacks = Callbacks<Events, Events, Context, string>;

export class MemoryListener implements Listener {
  calls: string[] = [];
  failure: Error | undefined;
  async listen(): Promise<void> {
    this.calls.push("listen");
    if (this.failure !== undefined) throw this.failure;
  }
  address(): { address: string; port: number } | null {
    return this.calls.at(-1) === "listen" ? { address: "memory", port: 1 } : null;
  }
  async stop(): Promise<void> {
    this.calls.push("stop");
  }
}

export interface Memory {
  readonly server: Server;
  readonly acceptor: Acceptor<string>;
  readonly listener: MemoryListener;
  /** What the callbacks were told, one line each. */
  readonly log: string[];
  connect(): MemorySocket;
  /** A connection that is authenticated; what it received so far is forgotten. */
  open(): MemorySocket;
}

/** A server in memory whose callbacks write to a log. Those that are given are called besides. */
export const start = (
  options: Options<Context> = {},
  callbacks: Partial<TestCallbacks> = {},
  closing: Closing = "asynchronously",
  canPing = true,
): Memory => {
  const log: string[] = [];
  const listener = new MemoryListener();
  let acceptor: Acceptor<string> | undefined;
  const first = { id: -1 };
  const nameOf = (client: { connectionId: number } | undefined): string => {
    if (client === undefined) return "server";
    if (first.id === -1) first.id = client.connectionId;
    return String.fromCharCode(97 + client.connectionId - first.id);
  };
  const logging: TestCallbacks = {
    ...callbacks,
    onAuthRequest: (client, key) => {
      log.push(`${nameOf(client)} onAuthRequest ${key}`);
      return callbacks.onAuthRequest === undefined ? key === "key" : callbacks.onAuthRequest(client, key);
    },
    onAuthOk: (client) => {
      log.push(`${nameOf(client)} onAuthOk`);
      return callbacks.onAuthOk?.(client);
    },
    onAuthRejected: (client, reason) => {
      log.push(`${nameOf(client)} onAuthRejected ${reason}`);
      return callbacks.onAuthRejected?.(client, reason);
    },
    onMessage: (client, eventName, args, reply, ids) => {
      log.push(`${nameOf(client)} onMessage ${eventName}${args.map((value) => ` ${String(value)}`).join("")}`);
      const onMessage = callbacks.onMessage as ((...parameters: unknown[]) => unknown) | undefined;
      return onMessage?.(client, eventName, args, reply, ids);
    },
    onDisconnect: (client, code, reason) => {
      log.push(`${nameOf(client)} onDisconnect ${code} ${reason}`.trim());
      return callbacks.onDisconnect?.(client, code, reason);
    },
    onDrain: (client) => {
      log.push(`${nameOf(client)} onDrain`);
      return callbacks.onDrain?.(client);
    },
    onError: (client, error) => {
      log.push(`${nameOf(client)} onError ${error.code} ${error.stage ?? ""}`.trim());
      return callbacks.onError?.(client, error);
    },
  };
  const server: Server = new EZEZServer(options, logging, (given: Acceptor<string>) => {
    acceptor = given;
    return listener;
  });
  if (acceptor === undefined) throw new Error("not bound");
  const bound: Acceptor<string> = acceptor;
  const connect = (): MemorySocket => {
    const socket = new MemorySocket("raw", closing, canPing);
    socket.connect(bound.accept(socket, handshakeOf()));
    return socket;
  };
  return {
    server,
    acceptor: bound,
    listener,
    log,
    connect,
    open: () => {
      const socket = connect();
      socket.auth();
      socket.sent.length = 0;
      log.length = 0;
      return socket;
    },
  };
};

export const handshakeOf = (url = "/ws", headers: [string, string][] = []): Handshake =>
  createHandshake(url, headers, "::ffff:127.0.0.1");

export const statusOf = (admission: Admission): number => ("accepted" in admission ? 101 : admission.status);
