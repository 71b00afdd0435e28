import { type AuthEvent, type AuthState, authStep } from "./auth.js";
import { Backpressure } from "./backpressure.js";
import { type AnyReply, Channel, type ChannelOwner } from "./channel.js";
import { byteLengthOf } from "./codec/text.js";
import type { EventName, EZEZServerClient, Ids, Listen, OnReply, Reply, SendArguments, TEvents } from "./contract.js";
import { Emitter } from "./emitter.js";
import {
  callbackFailed,
  closeCodeOf,
  EZEZError,
  type EZEZErrorCode,
  type PeerErrorCode,
  transportError,
} from "./errors.js";
import type { FrameCodec, Message, ReservedMessage } from "./frame.js";
import { MessageQueue } from "./message-queue.js";
import type { Callbacks, ResolvedOptions } from "./options.js";
import { CLOSE_REASON_BYTES, CloseCode, ReservedEvent } from "./protocol.js";
import type { Group, Handshake, SendStatus, Socket, SocketHandler } from "./socket.js";
import { TokenBucket } from "./token-bucket.js";

/** What a session asks of its server. */
export interface SessionHost<In extends TEvents, Out extends TEvents, TContext extends object, TSocket> {
  readonly options: ResolvedOptions;
  readonly callbacks: Callbacks<In, Out, TContext, TSocket>;
  readonly codec: FrameCodec;
  readonly group: Group<TSocket> | undefined;
  /** A `slowConsumer` function is running. */
  tellsSlowConsumer: boolean;
  /** Calls the user's code; what it throws or rejects with becomes one `onError`. */
  run(session: Session<In, Out, TContext, TSocket>, stage: string, call: () => unknown): void;
  report(session: Session<In, Out, TContext, TSocket>, error: EZEZError): void;
  /** The session has come to another point of its life: its deadlines follow. */
  moved(session: Session<In, Out, TContext, TSocket>, point: SessionPoint): void;
}

export type SessionPoint = "deciding" | "open" | "closing" | "gone";

type AnyOnReply = (client: unknown, eventName: string, args: unknown[], reply: unknown, ids: Ids) => unknown;

interface ListenerCall {
  readonly args: unknown[];
  readonly reply: AnyReply<AnyOnReply>;
  readonly ids: Ids;
}

// Broadcasts count from 2^48, so ids of connections that start below this never meet them.
const FIRST_IDS = 2 ** 31 - 1;

// Room for all reasons but those with a long version: 40 bytes of ASCII, and 27 units of at most 3 bytes, of 123.
const CLOSE_REASON_LENGTH = 67;

let connections = 0;

/** One connection of a server: the auth gate, the queue before it, the channel, and their end. */
export class Session<In extends TEvents, Out extends TEvents, TContext extends object, TSocket>
  implements EZEZServerClient<In, Out, TContext, TSocket>, SocketHandler, ChannelOwner<AnyOnReply>
{
  readonly connectionId = connections++;
  readonly request: Handshake;
  context: TContext;

  readonly #host: SessionHost<In, Out, TContext, TSocket>;
  readonly #socket: Socket<TSocket>;
  readonly #channel: Channel<AnyOnReply>;
  #emitter: Emitter<ListenerCall> | undefined;
  #auth: AuthState = "waiting";
  #queue: MessageQueue | undefined;
  #alive = true;
  #transportClosed = false;
  // A random start, so that a client's late answer over its next connection matches nothing there.
  #lastId = Math.floor(Math.random() * FIRST_IDS);
  readonly #backpressure: Backpressure;
  #isGrouped = false;
  readonly #rate: TokenBucket | undefined;
  /** Heartbeats since anything was received. */
  silence = 0;

  constructor(host: SessionHost<In, Out, TContext, TSocket>, socket: Socket<TSocket>, request: Handshake) {
    this.#host = host;
    this.#socket = socket;
    this.#channel = new Channel(host.codec, this, host.options);
    this.#backpressure = new Backpressure(this, host.options.maxBackpressure);
    const { maxMessagesPerSecond } = host.options;
    this.#rate = maxMessagesPerSecond === Infinity ? undefined : new TokenBucket(maxMessagesPerSecond);
    this.request = request;
    // The declared type of the context begins here.
    this.context = structuredClone(host.options.defaultContext) as TContext;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get authenticated(): boolean {
    return this.#auth === "open";
  }

  get awaitingRepliesCount(): number {
    return this.#channel.replies.size;
  }

  get bufferedAmount(): number {
    return this.#transportClosed ? 0 : this.#socket.bufferedAmount;
  }

  get client(): TSocket {
    return this.#socket.raw;
  }

  on<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
  ): this {
    this.#listeners.on(eventName, listener, context, false);
    return this;
  }

  once<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
  ): this {
    this.#listeners.on(eventName, listener, context, true);
    return this;
  }

  off<K extends EventName<In>, TThis = undefined>(
    eventName: K,
    listener?: Listen<In[K], Reply<In, Out, TContext, TSocket>, TThis>,
    context?: TThis,
    once?: boolean,
  ): this {
    this.#emitter?.off(eventName, listener, context, once);
    return this;
  }

  send<K extends EventName<Out>>(
    eventName: K,
    ...[args, onReply]: SendArguments<Out[K], OnReply<In, Out, TContext, TSocket>>
  ): Ids | undefined {
    return this.#channel.send(eventName, args, onReply as AnyOnReply | undefined, null);
  }

  disconnect(code: number = CloseCode.normal, reason = ""): void {
    checkClose(code, reason);
    this.#end(code, reason);
  }

  /** Closes as the server goes away. */
  shutDown(): void {
    this.#end(CloseCode.goingAway, "");
  }

  terminate(): void {
    if (!this.#transportClosed) this.#socket.terminate();
  }

  ping(): void {
    if (!this.#transportClosed) this.#socket.ping?.();
  }

  get canPing(): boolean {
    return this.#socket.ping !== undefined;
  }

  expireReplies(now: number): void {
    this.#channel.replies.expire(now);
  }

  /** The time for the auth message, or for the decision on it, is over. */
  authTimedOut(): void {
    this.#authEvent({ type: "timeout" });
  }

  heartbeatLost(): void {
    if (!this.#alive) return;
    this.#report("HEARTBEAT_LOST", "nothing was received for two heartbeat intervals", "heartbeat");
    this.#ended(CloseCode.abnormal, "");
    this.terminate();
  }

  // SocketHandler

  message(data: Uint8Array | string): void {
    if (!this.#alive) return;
    this.silence = 0;
    const { options } = this.#host;
    if (this.#rate?.take() === false) {
      this.#fail("RATE_LIMITED", "too many messages");
      return;
    }
    if (typeof data === "string") {
      this.#fail("TEXT_MESSAGE", "text messages are not supported");
      return;
    }
    if (data.byteLength > (this.authenticated ? options.maxPayload : options.maxPayloadBeforeAuth)) {
      this.#fail("MESSAGE_TOO_LARGE", "message too large");
      return;
    }
    this.#dispatch(data);
  }

  queued(): void {
    this.#backpressure.queued();
  }

  drain(): void {
    if (!this.#backpressure.drained() || !this.#alive) return;
    if (this.authenticated) this.joinGroup();
    this.#tell("onDrain");
  }

  pong(): void {
    this.silence = 0;
  }

  pinged(byteLength: number, held?: number): void {
    this.silence = 0;
    if (!this.#backpressure.pinged(byteLength, held)) return;
    this.error(new Error("the peer reads no pongs"));
    this.terminate();
  }

  error(cause: unknown): void {
    this.#host.report(this, transportError(cause));
  }

  close(code: number, reason: string): void {
    if (this.#transportClosed) return;
    this.#transportClosed = true;
    this.#ended(code, reason);
    this.#host.moved(this, "gone");
  }

  // ChannelOwner

  nextEventId(): number {
    return ++this.#lastId;
  }

  ready(): boolean {
    if (this.#alive) return true;
    return this.#notSent();
  }

  transmit(bytes: Uint8Array): boolean {
    if (!this.#alive) return this.#notSent();
    if (!this.#backpressure.hasRoom()) return this.#refuse();
    return this.#write(bytes) === "dropped" ? this.#notSent() : true;
  }

  // Receiving, for broadcasts

  /** Whether it gets what the server's group sends: from the auth on, while it keeps up. */
  get isGrouped(): boolean {
    return this.#isGrouped;
  }

  takesWithGroup(byteLength: number): boolean {
    if (this.#backpressure.hasRoom()) {
      this.#backpressure.sentWithGroup(byteLength);
      return true;
    }
    this.leaveGroup();
    return false;
  }

  joinGroup(): void {
    const { group } = this.#host;
    if (group === undefined || this.#isGrouped) return;
    this.#isGrouped = true;
    group.add(this.#socket.raw);
  }

  leaveGroup(): void {
    if (!this.#isGrouped) return;
    this.#isGrouped = false;
    if (!this.#transportClosed) this.#host.group?.delete(this.#socket.raw);
  }

  onMessage({ eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#tell("onMessage", eventName, args, reply, ids);
  }

  onReply(onReply: AnyOnReply, { eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#host.run(this, "onReply", () => onReply(this, eventName, args, reply, ids));
  }

  emit({ eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#emitter?.emit(eventName, { args, reply, ids });
  }

  get #listeners(): Emitter<ListenerCall> {
    this.#emitter ??= new Emitter((listener, context, { args, reply, ids }) => {
      // A listener before this one may have closed the connection.
      if (!this.#alive) return;
      const call = listener as (this: unknown, ...parameters: unknown[]) => unknown;
      this.#host.run(this, "listener", () => call.call(context, args, reply, ids));
    });
    return this.#emitter;
  }

  // The wire knows no event types: the declared ones begin here, and in the calls of listeners and onReply.
  #tell(
    name: "onAuthOk" | "onAuthRejected" | "onMessage" | "onDisconnect" | "onDrain",
    ...parameters: unknown[]
  ): void {
    const { callbacks } = this.#host;
    const callback = callbacks[name] as ((...parameters: unknown[]) => unknown) | undefined;
    if (callback !== undefined) this.#host.run(this, name, () => callback.call(callbacks, this, ...parameters));
  }

  #dispatch(bytes: Uint8Array): void {
    const message = this.#decode(bytes);
    // A custom deserializer may have closed the connection.
    if (message === undefined || !this.#alive) return;
    if (!message.reserved) this.#receive(message, bytes);
    else if (message.eventName !== ReservedEvent.auth) this.#fail("RESERVED_EVENT", "reserved event name");
    else this.#authEvent({ type: "message", key: message.args[0], version: message.args[1] });
  }

  #decode(bytes: Uint8Array): Message | ReservedMessage | undefined {
    try {
      return this.#host.codec.decode(bytes);
    } catch (error) {
      const { message, cause } = error as EZEZError;
      this.#fail("MALFORMED_MESSAGE", message, cause);
      return undefined;
    }
  }

  #receive(message: Message, bytes: Uint8Array): void {
    const { messagesBeforeAuth } = this.#host.options;
    if (this.authenticated || messagesBeforeAuth === "accept") this.#channel.deliver(message);
    else if (messagesBeforeAuth === "queue") this.#enqueue(bytes);
  }

  #enqueue(bytes: Uint8Array): void {
    const { queueLimitBytes, queueOverflow } = this.#host.options;
    this.#queue ??= new MessageQueue();
    if (this.#queue.size + bytes.length <= queueLimitBytes) {
      this.#queue.add(bytes);
    } else if (queueOverflow === "disconnect") {
      this.#fail("QUEUE_OVERFLOW", "too much was sent before authentication");
    } else if (queueOverflow !== "ignore") {
      this.#host.run(this, "queueOverflow", () => queueOverflow(this, bytes.length));
    }
  }

  #authEvent(event: AuthEvent): void {
    if (!this.#alive) return;
    const { state, effect } = authStep(this.#auth, event);
    this.#auth = state;
    switch (effect.type) {
      case "ask":
        this.#host.moved(this, "deciding");
        this.#decide(effect.key);
        break;
      case "accept":
        this.#accept();
        break;
      case "reject":
        this.#write(this.#host.codec.encodeReserved(ReservedEvent.authRejected, effect.reason));
        this.#end(effect.code, effect.reason.slice(0, CLOSE_REASON_LENGTH));
        this.#tell("onAuthRejected", effect.reason);
        break;
      case "fail":
        this.#fail(effect.code, FAILURES[effect.code]);
        break;
      case "none":
    }
  }

  #decide(key: string): void {
    const failed = (cause: unknown): void => {
      // A late failure is still the application's to know of.
      this.#host.report(this, callbackFailed("onAuthRequest", cause));
      this.#authEvent({ type: "failure", retry: this.#host.options.authErrors === "retry" });
    };
    const decided = (accepted: unknown): void => this.#authEvent({ type: "decision", accepted: accepted === true });
    try {
      const decision: unknown = this.#host.callbacks.onAuthRequest(this, key);
      if (typeof decision === "boolean") decided(decision);
      else Promise.resolve(decision).then(decided, failed);
    } catch (cause) {
      failed(cause);
    }
  }

  #accept(): void {
    const queued = this.#queue ?? [];
    this.#queue = undefined;
    this.#host.moved(this, "open");
    this.#write(this.#host.codec.encodeReserved(ReservedEvent.authOk));
    this.joinGroup();
    this.#tell("onAuthOk");
    for (const bytes of queued) {
      if (!this.#alive) return;
      this.#dispatch(bytes);
    }
  }

  #write(bytes: Uint8Array): SendStatus {
    const status = this.#socket.send(bytes);
    this.#backpressure.sent(status);
    return status;
  }

  #notSent(): false {
    if (this.#host.options.sendAfterDisconnect === "throw") {
      throw new EZEZError("DISCONNECTED", "the client is disconnected", { stage: "send" });
    }
    return false;
  }

  #refuse(): false {
    const { slowConsumer, maxBackpressure } = this.#host.options;
    const message = `more than ${maxBackpressure} bytes wait for the peer to read`;
    const again = this.#backpressure.hasRefused;
    // Before any code of the user's, which may send in its turn, to this client too.
    this.#backpressure.hasRefused = true;
    if (typeof slowConsumer === "function") this.#tellSlowConsumer(slowConsumer);
    else if (again) return false;
    else if (slowConsumer === "disconnect") this.#fail("SLOW_CONSUMER", message);
    else this.#report("SLOW_CONSUMER", message, "send");
    return false;
  }

  // Not of what it sends itself: where several clients are slow, a function that broadcasts would never come to an end.
  #tellSlowConsumer(slowConsumer: (client: this, bufferedAmount: number) => unknown): void {
    const host = this.#host;
    if (host.tellsSlowConsumer) return;
    host.tellsSlowConsumer = true;
    host.run(this, "slowConsumer", () => slowConsumer(this, this.bufferedAmount));
    host.tellsSlowConsumer = false;
  }

  /** The peer broke a rule: report it and close. */
  #fail(code: PeerErrorCode, message: string, cause?: unknown): void {
    this.#report(code, message, "peer", cause);
    this.#end(closeCodeOf(code), message);
  }

  #report(code: EZEZErrorCode, message: string, stage: string, cause?: unknown): void {
    this.#host.report(this, new EZEZError(code, message, { stage, cause }));
  }

  /** Closes from our side. */
  #end(code: number, reason: string): void {
    if (!this.#alive) return;
    this.#ended(code, reason);
    this.#host.moved(this, "closing");
    this.#socket.close(code, reason);
  }

  /** The connection is over for the application, whoever ended it. */
  #ended(code: number, reason: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#queue = undefined;
    this.#channel.replies.clear();
    this.leaveGroup();
    // In a microtask on every runtime: some transports report the close inside close(), others much later.
    Promise.resolve().then(() => this.#tell("onDisconnect", code, reason));
  }
}

const FAILURES = {
  DUPLICATE_AUTH: "a second auth message",
  AUTH_DECISION_TIMEOUT: "the decision on the auth key took too long",
  AUTH_UNAVAILABLE: "the auth key could not be verified",
} as const;

const checkClose = (code: number, reason: string): void => {
  const allowed =
    Number.isInteger(code) &&
    ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999));
  if (!allowed) {
    throw new EZEZError("INVALID_CLOSE_CODE", "a close code must be 1000-1003, 1007-1014 or 3000-4999", {
      stage: "close",
    });
  }
  if (typeof reason !== "string" || byteLengthOf(reason) > CLOSE_REASON_BYTES) {
    throw new EZEZError("INVALID_CLOSE_REASON", `a close reason is at most ${CLOSE_REASON_BYTES} bytes of UTF-8`, {
      stage: "close",
    });
  }
};
