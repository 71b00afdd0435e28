/**
 * The seam between the protocol and a runtime. An adapter passes plain values in and drives the handler that comes
 * back; nothing else crosses.
 */

/**
 * What became of one message: handed to the kernel, waiting in user space, or not taken because the socket is closed.
 */
export type SendStatus = "sent" | "queued" | "dropped";

/** What the core may ask of one connection. The adapter writes it. */
export interface Socket<TSocket = unknown> {
  /** The runtime's own socket, which users get as `client.client`. */
  readonly raw: TSocket;
  /** Sends one binary message. Never throws: a closed socket answers `"dropped"`. The bytes are lent for this call only. */
  send(bytes: Uint8Array): SendStatus;
  /** Bytes accepted and not yet handed to the kernel; 0 once closed. */
  readonly bufferedAmount: number;
  /** Starts the closing handshake. May call {@link SocketHandler.close} before it returns. */
  close(code: number, reason: string): void;
  /** Drops the connection at once. */
  terminate(): void;
  /** Sends a ping. Left out only where the runtime cannot; its own keep-alive then stands in. */
  ping?(): void;
}

/** What one connection tells the core. The core writes it. */
export interface SocketHandler {
  /**
   * One whole message; a string is a text message. The bytes are lent for this call only. Promises settle between two
   * calls, so that what one message led to is not overtaken by the next.
   */
  message(data: Uint8Array | string): void;
  /** Bytes that were `"sent"` wait in user space after all: the transport writes what one turn of the loop sends at its end. */
  queued(): void;
  /** Buffered bytes went to the kernel; a hint, {@link Socket.bufferedAmount} may still be above 0. */
  drain(): void;
  pong(): void;
  /**
   * The peer sent a ping of so many bytes, which the runtime answers.
   * @param held bytes of memory that the answers which wait take, where that is far more than they count in bufferedAmount
   */
  pinged(byteLength: number, held?: number): void;
  /** A transport error. {@link SocketHandler.close} always follows. */
  error(error: unknown): void;
  /** Exactly once, and nothing after it. 1005: the peer gave no code. 1006: it vanished. */
  close(code: number, reason: string): void;
}

/** The upgrade request as the peer sent it, copied: the same on every runtime. */
export interface Handshake {
  /** Path and query as sent, `"/ws?room=1"`. */
  readonly url: string;
  /** Lower-case names; repeated headers joined as RFC 9110 section 5.3 says. */
  readonly headers: ReadonlyMap<string, string>;
  /** IPv4 is written as IPv4. */
  readonly remoteAddress: string;
}

/** An HTTP answer in place of the upgrade. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** The answer to an upgrade request: upgrade with this subprotocol (`undefined`: none), or refuse. */
export type Admission = { readonly accepted: true; readonly protocol: string | undefined } | Refusal;

/** What a runtime's server may ask of the core. The core writes it. */
export interface Acceptor<TSocket = unknown> {
  /** Whether this url has the `path` option's path. */
  serves(url: string): boolean;
  /** The answer to a request that is no upgrade, on a server of our own. */
  refuse(url: string): Refusal;
  /** Whether to upgrade. Synchronous unless `onUpgrade` is not. Upgrade and `accept` at once, or where a runtime must, a turn later. */
  admit(handshake: Handshake): Admission | Promise<Admission>;
  /** A connection is open. */
  accept(socket: Socket<TSocket>, handshake: Handshake): SocketHandler;
  /** A failure that belongs to no connection. */
  error(error: unknown): void;
}

/** What the core may ask of a runtime's server. The adapter writes it. */
export interface Listener<TSocket = unknown> {
  /** Starts accepting; rejects with the cause where it cannot. Called once. */
  listen(): Promise<void>;
  /** Where it listens; null where it does not, or where the user's own server does. */
  address(): { address: string; port: number } | null;
  /** Stops accepting and detaches from a server of the user's. Resolves when nothing of ours is left open. */
  stop(): Promise<void>;
  /** Left out where the runtime hands a message to many sockets no faster than to one after the other. */
  readonly group?: Group<TSocket> | undefined;
}

/** Sockets that get the same messages. */
export interface Group<TSocket = unknown> {
  /** An open socket gets what is sent from now on. */
  add(socket: TSocket): void;
  /** An open socket gets only what was sent before. */
  delete(socket: TSocket): void;
  /**
   * Sends one binary message, lent for this call only, to all, in order with what {@link Socket.send} sends, and loses none
   * of it. A later {@link SocketHandler.drain} tells of bytes that had to wait.
   */
  send(bytes: Uint8Array): void;
}
