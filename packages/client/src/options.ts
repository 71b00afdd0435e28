import {
  type CallbackResult,
  type CodecOptions,
  checkFunctions,
  type EZEZError,
  integer,
  type MessageCallback,
  type MessageParameters,
  oneOf,
  type Resolved,
  type Rule,
  resolve,
  type Send,
  type TEvents,
} from "@ezez-ws/core";
import type { WebSocketConstructor } from "./web-socket.js";

/** The key that authenticates the client. A function is called at each attempt, once the connection is open. */
export type Auth = string | null | (() => string | Promise<string>);

/** Times are milliseconds. */
export interface ClientOptions extends CodecOptions {
  /**
   * The key sent to the server, or a function that gives it; where that throws or rejects, the attempt has failed.
   * `null` sends no auth message and takes the server for one that wants none. @defaultValue `""`
   */
  auth?: Auth | undefined;
  /** Connect again after a connection or an attempt failed. @defaultValue true */
  autoReconnect?: boolean | undefined;
  /**
   * `send` without an open connection: `"queueAfterAuth"` sends it once there is one, `"ignore"` gives `undefined`,
   * `"throw"` throws `DISCONNECTED`. Between open and auth-ok messages always queue. @defaultValue `"queueAfterAuth"`
   */
  sendWhenNotConnected?: "queueAfterAuth" | "ignore" | "throw" | undefined;
  /** How long a message waits for its reply. A later reply goes to the listeners. @defaultValue 300000 */
  clearAwaitingRepliesAfterMs?: number | undefined;
  /** Most messages that wait for a reply; one more throws. `Infinity` disables. @defaultValue 10000 */
  maxAwaitingReplies?: number | undefined;
  /**
   * Time between pings; a server silent for two of them is taken for lost. Only on sockets that can ping, as those of `ws`;
   * on Node's own an attempt not answered for two of them is given up.
   * 0 disables. @defaultValue 30000
   */
  heartbeatIntervalMs?: number | undefined;
  /** Text messages, which the protocol does not know: `"error"` reports them, a function gets them. @defaultValue `"ignore"` */
  unknownMessages?: "ignore" | "error" | ((text: string) => CallbackResult) | undefined;
  /** Data that is neither text nor binary: `"error"` reports it, a function gets it. @defaultValue `"ignore"` */
  unknownDataType?: "ignore" | "error" | ((data: unknown) => CallbackResult) | undefined;
  /** The WebSocket class. @defaultValue on Node that of `ws`, if installed; or else the global one when connecting */
  WSConstructor?: WebSocketConstructor | undefined;
  /** Third argument of `WSConstructor`; `ws` takes its options there. */
  wsConstructorExtraArg?: unknown;
}

/** Called with the reply to one message. Testing `eventName` narrows `args`. */
export type ClientOnReply<In extends TEvents, Out extends TEvents = In> = MessageCallback<
  MessageParameters<[], In, ClientReply<In, Out>>
>;

/** Answers one message, on the connection that it came over; `undefined` where that has ended. */
export interface ClientReply<In extends TEvents, Out extends TEvents = In> extends Send<Out, ClientOnReply<In, Out>> {}

/** What the application is told. A callback that throws or rejects ends nothing: it becomes one `onError`. */
export interface ClientCallbacks<In extends TEvents, Out extends TEvents = In> {
  /** A connection is open and not yet authenticated. Called for each connection. */
  onConnect?: (() => CallbackResult) | undefined;
  /** The server accepted the key, and what was queued has been sent. Called for each connection. */
  onAuthOk?: (() => CallbackResult) | undefined;
  /**
   * The server refused. After `"Auth verification failed"` and `"Auth timeout"` the client tries again; after any other
   * reason it stops for good, and what was queued is dropped.
   */
  onAuthRejected?: ((reason: string) => CallbackResult) | undefined;
  /** Every message, replies too, before `onReply` or the listeners. Testing `eventName` narrows `args`. */
  onMessage?: ClientOnReply<In, Out> | undefined;
  /**
   * Exactly once for each `onConnect`. The code and reason are those that we closed with, or else the server's: 1005 when
   * it gave none, 1006 when it vanished.
   */
  onDisconnect?: ((code: number, reason: string) => CallbackResult) | undefined;
  /** All that went wrong, failed attempts among it. Without it, failures of callbacks go to `console.error`. */
  onError?: ((error: EZEZError) => CallbackResult) | undefined;
}

const rules = {
  auth: {
    standard: "",
    text: "a string, null or a function",
    valid: (auth) => auth === null || typeof auth === "string" || typeof auth === "function",
  },
  autoReconnect: oneOf(true, false),
  sendWhenNotConnected: oneOf("queueAfterAuth", "ignore", "throw"),
  clearAwaitingRepliesAfterMs: integer(300_000),
  maxAwaitingReplies: integer(10_000, 1, Infinity),
  heartbeatIntervalMs: integer(30_000, 0),
  unknownMessages: oneOf("ignore", "error", Function),
  unknownDataType: oneOf("ignore", "error", Function),
  WSConstructor: oneOf(undefined, Function),
} as const satisfies { readonly [K in keyof ClientOptions]: Rule<ClientOptions[K]> };

/** The options with every default filled in. */
export type ResolvedClientOptions = Resolved<ClientOptions, typeof rules>;

const CALLBACKS = [
  "onConnect",
  "onAuthOk",
  "onAuthRejected",
  "onMessage",
  "onDisconnect",
  "onError",
] as const satisfies readonly (keyof ClientCallbacks<TEvents>)[];

/** Fills in the defaults. @throws EZEZError `INVALID_OPTION`, which names the option or callback */
export const resolveClientOptions = (options: ClientOptions, callbacks: object): ResolvedClientOptions => {
  checkFunctions(callbacks, CALLBACKS);
  return resolve(rules, options);
};
