import {
  type CallbackResult,
  callbackFailed,
  Emitter,
  type EventName,
  EZEZError,
  FrameCodec,
  guard,
  type Ids,
  type Listen,
  type SendArguments,
  type TEvents,
  tellConsole,
} from "@ezez-ws/core";
import { type AnyOnReply, Connection, type ConnectionHost, type Pending } from "./connection.js";
import { checkAddress, findWebSocket, importWebSocket, type OpenWebSocket } from "./find-web-socket.js";
import {
  type ClientCallbacks,
  type ClientOnReply,
  type ClientOptions,
  type ClientReply,
  resolveClientOptions,
} from "./options.js";
import { Queue } from "./queue.js";
import { reconnectDelay } from "./reconnect.js";
import type { WebSocketLike } from "./web-socket.js";

// Ids of broadcasts begin far above these.
const FIRST_IDS = 2 ** 31 - 1;
// A connection that the server accepted so long ago is no failure when it ends.
const STABLE_MS = 10_000;

/**
 * A client of an ezez-ws server. It connects at once, and again whenever the connection is lost, until `close`.
 * @typeParam In the server's events
 * @typeParam Out this client's events
 */
export class EZEZWebSocketClient<In extends TEvents, Out extends TEvents = In> {
  readonly #url: string | URL;
  readonly #protocols: string | string[] | undefined;
  readonly #extra: unknown;
  readonly #host: ConnectionHost;
  #connection: Connection | undefined;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  // Connections and attempts that failed since the last stable connection.
  #failures = 0;
  // When the server accepted the current connection.
  #acceptedAt = Infinity;
  #stopped = false;
  // Whether url and protocols have ever passed the WebSocket class.
  #constructed = false;
  // One counter for all connections, so that queued messages keep their numbers.
  #lastId = Math.floor(Math.random() * FIRST_IDS);

  /**
   * @param url `ws:` or `wss:`
   * @param protocols WebSocket subprotocols to offer
   * @throws EZEZError `INVALID_OPTION`, which names what is wrong
   */
  constructor(
    url: string | URL,
    protocols?: string | string[],
    options: ClientOptions = {},
    callbacks: ClientCallbacks<In, Out> = {},
  ) {
    this.#url = url;
    this.#protocols = protocols;
    this.#host = {
      options: resolveClientOptions(options, callbacks),
      // The wire knows no event types: the declared ones begin here, and for listeners and onReply below.
      callbacks: callbacks as unknown as ClientCallbacks<TEvents>,
      codec: new FrameCodec(options),
      queue: new Queue(),
      emitter: new Emitter((listener, context, { connection, args, reply, ids }) => {
        // A listener before this one may have closed the connection.
        if (!connection.alive) return;
        const call = listener as (this: unknown, ...parameters: unknown[]) => unknown;
        this.#host.run("listener", () => call.call(context, args, reply, ids));
      }),
      nextEventId: () => ++this.#lastId,
      run: (stage, call) => guard(call, (cause) => this.#report(callbackFailed(stage, cause))),
      report: (error) => this.#report(error),
      accepted: () => {
        this.#acceptedAt = performance.now();
        this.#flush();
      },
      ended: (code, final) => this.#ended(code, final),
    };
    this.#extra = options.wsConstructorExtraArg;
    this.#connect();
  }

  /** Open: can send and receive. */
  get alive(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** The WebSocket of the current connection or attempt; null where there is none. Each connection has its own. */
  get client(): WebSocketLike | null {
    return this.#connection?.raw ?? null;
  }

  /** Messages with an `onReply` that was neither called nor given up, queued ones among them. */
  get awaitingRepliesCount(): number {
    return (this.#connection?.channel.replies.size ?? 0) + this.#host.queue.awaitingRepliesCount;
  }

  /** Adds a listener for all connections, called as often as it was added. Takes effect from the next message. */
  on<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], ClientReply<In, Out>, TThis>,
    context?: TThis,
  ): this {
    this.#host.emitter.on(eventName, listener, context, false);
    return this;
  }

  /** Like {@link on}, for the next message only. */
  once<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], ClientReply<In, Out>, TThis>,
    context?: TThis,
  ): this {
    this.#host.emitter.on(eventName, listener, context, true);
    return this;
  }

  /** Removes all listeners of the event, or all that match the function, the context and `once` where given. */
  off<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener?: Listen<In[K], ClientReply<In, Out>, TThis>,
    context?: TThis,
    once?: boolean,
  ): this {
    this.#host.emitter.off(eventName, listener, context, once);
    return this;
  }

  /**
   * Sends an event; `onReply` gets its reply, unless the connection ends before. The arguments are encoded at once. Until
   * the server has accepted the client the message waits in a queue of at most 1,000 messages and 1 MiB.
   * @returns the message's ids, or `undefined` where it was not sent and will not be
   * @throws EZEZError `INVALID_EVENT_NAME`, `NOT_SERIALIZABLE`, `TOO_MANY_AWAITING_REPLIES`, `QUEUE_FULL`, or
   * `DISCONNECTED` with `sendWhenNotConnected: "throw"`
   */
  send<K extends EventName<Out>>(
    eventName: K,
    ...[args, onReply]: SendArguments<Out[K], ClientOnReply<In, Out>>
  ): Ids | undefined {
    const ids: Ids = { eventId: ++this.#lastId, replyTo: null };
    const bytes = this.#host.codec.encode(eventName, ids.eventId, null, args ?? []);
    const message = { bytes, ids, onReply: onReply as AnyOnReply | undefined };
    // Behind what still waits.
    const direct = this.#connection?.isReady && this.#host.queue.size === 0;
    return (direct && this.#connection?.channel.hand(message)) || this.#enqueue(message) ? ids : undefined;
  }

  /**
   * Sends JSON text as a text message, for servers that do not speak the protocol. Never queued.
   * @returns whether it was sent
   * @throws EZEZError `NOT_SERIALIZABLE`, or `DISCONNECTED` with `sendWhenNotConnected: "throw"`
   */
  sendJson(value: unknown): boolean {
    const text = jsonOf(value);
    return this.#connection?.sendText(text) || this.#notSent();
  }

  /** Closes with 1000, for good. What was queued is dropped, and nothing more is dispatched. */
  close(): void {
    if (this.#stopped) return;
    this.#stop();
    clearTimeout(this.#waiting);
    this.#connection?.disconnect();
  }

  #stop(): void {
    this.#stopped = true;
    this.#host.queue.retain(() => false);
  }

  #enqueue(message: Pending): boolean {
    const { sendWhenNotConnected, maxAwaitingReplies } = this.#host.options;
    const queues = this.alive || sendWhenNotConnected === "queueAfterAuth";
    if (!queues || this.#stopped) return this.#notSent();
    if (message.onReply !== undefined && this.awaitingRepliesCount >= maxAwaitingReplies) {
      const text = `${maxAwaitingReplies} messages wait for a reply already`;
      throw new EZEZError("TOO_MANY_AWAITING_REPLIES", text, { stage: "send" });
    }
    this.#host.queue.push(message);
    return true;
  }

  #notSent(): false {
    if (this.#host.options.sendWhenNotConnected !== "throw") return false;
    throw new EZEZError("DISCONNECTED", "the client is not connected", { stage: "send" });
  }

  #connect(): void {
    const connection = new Connection(this.#host);
    this.#connection = connection;
    const make = (open: OpenWebSocket): void => {
      if (!connection.alive) return;
      connection.attach(open(this.#url, this.#protocols, this.#extra));
      this.#constructed = true;
    };
    const found = findWebSocket(this.#host.options.WSConstructor);
    if (found === undefined) {
      try {
        checkAddress(this.#url, this.#protocols);
      } catch (cause) {
        throw invalidUrl(cause);
      }
      importWebSocket("ws")
        .then(make)
        .catch((cause) => connection.failed(cause, !this.#constructed));
      return;
    }
    try {
      make(found);
    } catch (cause) {
      if (!this.#constructed) throw invalidUrl(cause);
      connection.failed(cause, false);
    }
  }

  #ended(code: number, final: boolean): void {
    if (this.#stopped) return;
    if (final) {
      this.#stop();
      return;
    }
    if (performance.now() - this.#acceptedAt >= STABLE_MS) this.#failures = 0;
    this.#acceptedAt = Infinity;
    this.#waiting = setTimeout(() => this.#connect(), reconnectDelay(this.#failures++, code, Math.random()));
  }

  #flush(): void {
    const connection = this.#connection;
    while (connection?.alive) {
      const message = this.#host.queue.shift();
      if (message === undefined) return;
      try {
        if (connection.flush(message)) continue;
        // It was not sent: the next connection begins with it.
        this.#host.queue.unshift(message);
        return;
      } catch (error) {
        this.#report(error as EZEZError);
      }
    }
  }

  #report(error: EZEZError): void {
    const { callbacks } = this.#host;
    if (callbacks.onError !== undefined) guard(() => callbacks.onError?.(error), tellConsole);
    else if (error.code === "CALLBACK_FAILED") tellConsole(error);
  }
}

const invalidUrl = (cause: unknown): EZEZError =>
  new EZEZError("INVALID_OPTION", `url or protocols: ${cause instanceof Error ? cause.message : cause}`, { cause });

const jsonOf = (value: unknown): string => {
  let cause: unknown;
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw new EZEZError("NOT_SERIALIZABLE", "the value has no JSON", { stage: "encode", cause });
};

/** The listener type of one event of one client: `OnCallback<typeof client, "chat">`. */
export type OnCallback<TClient, TEvent extends string> =
  TClient extends EZEZWebSocketClient<infer In, infer Out>
    ? TEvent extends EventName<In>
      ? (args: In[TEvent], reply: ClientReply<In, Out>, ids: Ids) => CallbackResult
      : never
    : never;
