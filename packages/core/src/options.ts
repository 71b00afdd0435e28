import { checkFunctions, integer, invalid, oneOf, type Resolved, type Rule, resolve } from "./checks.js";
import type { CodecOptions } from "./codec/options.js";
import type {
  CallbackResult,
  EZEZServerClient,
  MessageCallback,
  MessageParameters,
  Reply,
  TEvents,
} from "./contract.js";
import type { EZEZError } from "./errors.js";
import type { Handshake, Refusal } from "./socket.js";

const KiB = 1024;
const MiB = 1_048_576;

/** A client whose event types do not matter, as options see it. */
export type AnyServerClient = Pick<
  EZEZServerClient<TEvents, TEvents, object>,
  "alive" | "authenticated" | "bufferedAmount" | "connectionId" | "request" | "disconnect"
>;

/** The options of every adapter. Sizes are bytes, times milliseconds. */
export interface CommonOptions extends CodecOptions {
  /** Upgrade only requests to this path, compared without the query. @defaultValue any path */
  path?: string | undefined;
  /** Time for `onUpgrade` to settle; then HTTP 500, `CALLBACK_FAILED`. @defaultValue 10000 */
  upgradeDecisionTimeoutMs?: number | undefined;
  /**
   * Messages before the client is authenticated: `"ignore"` drops them, `"queue"` delivers them in order right after
   * `onAuthOk`, `"accept"` dispatches them at once. @defaultValue `"ignore"`
   */
  messagesBeforeAuth?: "ignore" | "queue" | "accept" | undefined;
  /** Time to send the auth message. @defaultValue 5000 */
  authTimeoutMs?: number | undefined;
  /** Time for `onAuthRequest` to settle. @defaultValue 10000 */
  authDecisionTimeoutMs?: number | undefined;
  /**
   * `onAuthRequest` threw or rejected: `"reject"` sends auth-rejected, `"retry"` closes with 1013 and without it, so that
   * original clients come back. @defaultValue `"reject"`
   */
  authErrors?: "reject" | "retry" | undefined;
  /** Total of the messages queued before auth. @defaultValue 1 MiB */
  queueLimitBytes?: number | undefined;
  /** Over `queueLimitBytes`: `"ignore"` drops the message, `"disconnect"` closes with 1008, a function is told of each dropped one. @defaultValue `"ignore"` */
  queueOverflow?:
    | "ignore"
    | "disconnect"
    | ((client: AnyServerClient, byteLength: number) => CallbackResult)
    | undefined;
  /** A larger message closes with 1009. @defaultValue 1 MiB */
  maxPayload?: number | undefined;
  /** The same until authenticated; at most `queueLimitBytes` in queue mode. @defaultValue 64 KiB, or less where another limit is */
  maxPayloadBeforeAuth?: number | undefined;
  /** `send` after the close: `"ignore"` gives `undefined`, `"throw"` throws `DISCONNECTED`. @defaultValue `"ignore"` */
  sendAfterDisconnect?: "ignore" | "throw" | undefined;
  /**
   * How long a message waits for its reply. A later reply goes to `onMessage` and the listeners. Forgotten messages are
   * swept at least every 15 s. @defaultValue 300000
   */
  clearAwaitingRepliesAfterMs?: number | undefined;
  /** Most messages of one client that wait for a reply; one more throws. `Infinity` disables. @defaultValue 10000 */
  maxAwaitingReplies?: number | undefined;
  /** Time between pings; a client silent for two of them is terminated. 0 disables. @defaultValue 30000 */
  heartbeatIntervalMs?: number | undefined;
  /** Bytes not yet handed to the kernel; a message is accepted while the buffer is at or below it. @defaultValue 4 MiB */
  maxBackpressure?: number | undefined;
  /**
   * A message over `maxBackpressure`: `"disconnect"` closes with 1013, `"drop"` refuses the message and reports one error
   * until the buffer is empty again, a function is told of each that was refused, but for those that its server refuses
   * while it runs. @defaultValue `"disconnect"`
   */
  slowConsumer?:
    | "disconnect"
    | "drop"
    | ((client: AnyServerClient, bufferedAmount: number) => CallbackResult)
    | undefined;
  /** Most connections, authenticated or not; more get HTTP 503. @defaultValue no limit */
  maxConnections?: number | undefined;
  /** Most messages of one client in a second, with a burst of as many; over it the client is closed with 4429. @defaultValue no limit */
  maxMessagesPerSecond?: number | undefined;
  /**
   * Origins that may connect, exactly as browsers send them, or a predicate; others get HTTP 403. A request without
   * `Origin` comes from no browser: it passes a list, and the predicate sees `undefined`. Where that throws or gives a
   * promise: HTTP 500, `CALLBACK_FAILED`. @defaultValue any
   */
  allowedOrigins?: readonly string[] | ((origin: string | undefined) => boolean) | undefined;
  /** Chooses one of the offered subprotocols, or none with `false`; fails as a predicate above. @defaultValue the first offered */
  handleProtocols?: false | ((protocols: ReadonlySet<string>, request: Handshake) => string | false) | undefined;
}

/** Required where the type of the context has required properties. */
export type ContextOption<TContext extends object> =
  Record<string, never> extends TContext
    ? { /** Cloned with `structuredClone` for each client. @defaultValue `{}` */ defaultContext?: TContext | undefined }
    : { /** Cloned with `structuredClone` for each client. */ defaultContext: TContext };

export type Options<TContext extends object = Record<string, never>> = CommonOptions & ContextOption<TContext>;

/**
 * What the application is told. A callback that throws or rejects ends neither the process nor the connection: it becomes
 * one `onError`. One that was to decide on the connection has refused it then.
 */
export interface Callbacks<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
  TSocket = unknown,
> {
  /** Before the upgrade, with what will be `client.request`. `true` upgrades, `false` refuses with 403. */
  onUpgrade?: ((request: Handshake) => boolean | Refusal | Promise<boolean | Refusal>) | undefined;
  /** Decides on a client's key. Only `true` accepts. */
  onAuthRequest: (client: EZEZServerClient<In, Out, TContext, TSocket>, auth: string) => boolean | Promise<boolean>;
  /** The client is accepted and has been told so. */
  onAuthOk?: ((client: EZEZServerClient<In, Out, TContext, TSocket>) => CallbackResult) | undefined;
  onAuthRejected?:
    | ((client: EZEZServerClient<In, Out, TContext, TSocket>, reason: string) => CallbackResult)
    | undefined;
  /** Every message, replies too, before `onReply` or the listeners. */
  onMessage?:
    | MessageCallback<
        MessageParameters<[client: EZEZServerClient<In, Out, TContext, TSocket>], In, Reply<In, Out, TContext, TSocket>>
      >
    | undefined;
  /**
   * Exactly once for each connection. The code and reason are those that we closed with, or else the peer's: 1005 when it
   * gave none, 1006 when it vanished.
   */
  onDisconnect?:
    | ((client: EZEZServerClient<In, Out, TContext, TSocket>, code: number, reason: string) => CallbackResult)
    | undefined;
  /** The buffer is empty again after it was not. */
  onDrain?: ((client: EZEZServerClient<In, Out, TContext, TSocket>) => CallbackResult) | undefined;
  /** All that went wrong. Without it, failures of callbacks go to `console.error`. */
  onError?:
    | ((client: EZEZServerClient<In, Out, TContext, TSocket> | undefined, error: EZEZError) => CallbackResult)
    | undefined;
}

const isCloneable = (value: unknown): boolean => {
  try {
    return typeof structuredClone(value) === "object" && value !== null;
  } catch {
    return false;
  }
};

// A function, so that a bundle without a server leaves it out.
const rules = () =>
  ({
    messagesBeforeAuth: oneOf("ignore", "queue", "accept"),
    upgradeDecisionTimeoutMs: integer(10_000),
    authTimeoutMs: integer(5000),
    authDecisionTimeoutMs: integer(10_000),
    authErrors: oneOf("reject", "retry"),
    queueLimitBytes: integer(MiB),
    queueOverflow: oneOf("ignore", "disconnect", Function),
    maxPayload: integer(MiB),
    // What it is by default other options decide.
    maxPayloadBeforeAuth: integer(undefined),
    sendAfterDisconnect: oneOf("ignore", "throw"),
    clearAwaitingRepliesAfterMs: integer(300_000),
    maxAwaitingReplies: integer(10_000, 1, Infinity),
    heartbeatIntervalMs: integer(30_000, 0),
    maxBackpressure: integer(4 * MiB),
    slowConsumer: oneOf("disconnect", "drop", Function),
    maxConnections: integer(Infinity, 1, Infinity),
    maxMessagesPerSecond: integer(Infinity, 1, Infinity),
    path: {
      standard: undefined,
      text: "an absolute path without a query",
      valid: (path) => typeof path === "string" && path.startsWith("/") && !path.includes("?"),
    },
    allowedOrigins: {
      standard: undefined,
      text: "an array or a function",
      valid: (allowed) => Array.isArray(allowed) || typeof allowed === "function",
    },
    handleProtocols: oneOf(undefined, false, Function),
    defaultContext: { standard: {}, text: "an object that structuredClone can clone", valid: isCloneable },
  }) as const satisfies { readonly [K in keyof AnyOptions]: Rule<AnyOptions[K]> };

type AnyOptions = CommonOptions & { readonly defaultContext?: object | undefined };

/** The options with every default filled in. */
export type ResolvedOptions = Resolved<AnyOptions, ReturnType<typeof rules>> & {
  readonly maxPayloadBeforeAuth: number;
};

/** Fills in the defaults. @throws EZEZError `INVALID_OPTION`, which names the option */
export const resolveOptions = (options: AnyOptions): ResolvedOptions => {
  const resolved = resolve(rules(), options);
  const { maxPayload, messagesBeforeAuth, queueLimitBytes } = resolved;
  // A message that is legal must fit into the queue.
  const largest = Math.min(maxPayload, messagesBeforeAuth === "queue" ? queueLimitBytes : Infinity);
  const { maxPayloadBeforeAuth = Math.min(64 * KiB, largest) } = resolved;
  if (maxPayloadBeforeAuth > largest) {
    throw invalid("maxPayloadBeforeAuth", "at most maxPayload, and in queue mode at most queueLimitBytes");
  }
  // A copy, so that what is cloned for each client is what was checked.
  return { ...resolved, maxPayloadBeforeAuth, defaultContext: structuredClone(resolved.defaultContext) };
};

const CALLBACKS = [
  "onUpgrade",
  "onAuthRequest",
  "onAuthOk",
  "onAuthRejected",
  "onMessage",
  "onDisconnect",
  "onDrain",
  "onError",
] as const satisfies readonly (keyof Callbacks<TEvents>)[];

/** @throws EZEZError `INVALID_OPTION`, which names the callback */
export const checkCallbacks = (callbacks: { readonly [K in (typeof CALLBACKS)[number]]?: unknown }): void => {
  checkFunctions(callbacks, CALLBACKS);
  if (callbacks.onAuthRequest === undefined) throw invalid("onAuthRequest", "a function");
};
