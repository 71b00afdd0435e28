import {
  type AnyReply,
  AUTH_TIMEOUT,
  Channel,
  type ChannelOwner,
  CloseCode,
  callbackFailed,
  type Emitter,
  EZEZError,
  type EZEZErrorCode,
  type FrameCodec,
  Heartbeat,
  type Ids,
  type Message,
  type Outgoing,
  PROTOCOL_VERSION,
  ReservedEvent,
  type ReservedMessage,
  type TEvents,
  VERIFICATION_FAILED,
} from "@ezez-ws/core";
import type { ClientCallbacks, ResolvedClientOptions } from "./options.js";
import type { Queue } from "./queue.js";
import { bindWebSocket, type ClientSocket, type ClientSocketHandler, type WebSocketLike } from "./web-socket.js";

export type AnyOnReply = (eventName: string, args: unknown[], reply: unknown, ids: Ids) => unknown;

/** A message that waits: for a connection, or as a reply for auth-ok on the only one that it may be sent on. */
export type Pending =
  | (Outgoing<AnyOnReply> & { readonly connection?: undefined })
  | { readonly bytes: Uint8Array; readonly onReply: undefined; readonly connection: Connection };

/** One message on its way to one listener. */
export interface ListenerCall {
  readonly connection: Connection;
  readonly args: unknown[];
  readonly reply: AnyReply<AnyOnReply>;
  readonly ids: Ids;
}

/** What a connection asks of its client. */
export interface ConnectionHost {
  readonly options: ResolvedClientOptions;
  readonly callbacks: ClientCallbacks<TEvents>;
  readonly codec: FrameCodec;
  readonly queue: Queue<Pending>;
  readonly emitter: Emitter<ListenerCall>;
  nextEventId(): number;
  /** Calls the user's code; what it throws or rejects with becomes one `onError`. */
  run(stage: string, call: () => unknown): void;
  report(error: EZEZError): void;
  /** auth-ok came, or no auth was asked for. */
  accepted(): void;
  /** The connection, or the attempt at it, is over; `final` where no other may follow. */
  ended(code: number, final: boolean): void;
}

// The longest delay that setTimeout takes.
const LONGEST_MS = 2 ** 31 - 1;

const unanswered = (): Error => new Error("the server does not answer");

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "");

/** `opened`: not authenticated yet. `asked`: the auth message is sent. */
type Phase = "connecting" | "opened" | "asked" | "ready" | "ended";

/** One connection, or the attempt at it, from the making of its socket to its end. Replies never leave it. */
export class Connection implements ChannelOwner<AnyOnReply>, ClientSocketHandler {
  readonly channel: Channel<AnyOnReply>;
  /** Heartbeats since anything was received. */
  silence = 0;
  readonly #host: ConnectionHost;
  readonly #heartbeat: Heartbeat;
  #socket: ClientSocket | undefined;
  #phase: Phase = "connecting";
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ConnectionHost) {
    this.#host = host;
    this.channel = new Channel(host.codec, this, host.options);
    this.#heartbeat = new Heartbeat([this], host.options);
  }

  /** Takes over a socket that has just been made. */
  attach(webSocket: WebSocketLike): void {
    this.#socket = bindWebSocket(webSocket, this);
    this.#heartbeat.start();
    const { heartbeatIntervalMs: interval } = this.#host.options;
    // The heartbeat, where there is one, gives up an attempt that is never answered. A browser does so by itself.
    if (interval === 0 || this.canPing || !this.#socket.canTerminate) return;
    this.#deadline = setTimeout(() => this.failed(unanswered(), false), Math.min(interval * 2, LONGEST_MS));
  }

  /** Not ended. */
  get alive(): boolean {
    return this.#phase !== "ended";
  }

  get isOpen(): boolean {
    return this.alive && this.#socket?.isOpen === true;
  }

  /** Open, and accepted by the server. */
  get isReady(): boolean {
    return this.#phase === "ready";
  }

  get raw(): WebSocketLike | null {
    return (this.alive && this.#socket?.raw) || null;
  }

  /** Sends what was queued; false where it could not. */
  flush(message: Pending): boolean {
    if (message.connection === undefined) return this.channel.hand(message);
    // A reply on a connection that has ended is dropped.
    return message.connection !== this || this.transmit(message.bytes);
  }

  /** False where it is not open. */
  sendText(text: string): boolean {
    return this.alive && this.#socket?.send(text) === true;
  }

  disconnect(): void {
    this.#end(CloseCode.normal, "", true);
  }

  /** There is no socket, or it never opened; `final` where another attempt would fail as well. */
  failed(cause: unknown, final: boolean): void {
    if (!this.alive) return;
    this.#report("CONNECT_FAILED", messageOf(cause) || "could not connect", "connect", cause);
    this.#end(CloseCode.abnormal, "", final);
  }

  // What the heartbeat asks

  get canPing(): boolean {
    return this.#socket?.ping !== undefined;
  }

  ping(): void {
    this.#socket?.ping?.();
  }

  heartbeatLost(): void {
    if (this.#phase === "connecting") {
      this.failed(unanswered(), false);
      return;
    }
    this.#report("HEARTBEAT_LOST", "nothing was received for two heartbeat intervals", "heartbeat");
    const socket = this.#socket;
    this.#end(CloseCode.abnormal, "", false, false);
    socket?.terminate();
  }

  expireReplies(now: number): void {
    this.channel.replies.expire(now);
  }

  // ClientSocketHandler

  open(): void {
    if (!this.alive) return;
    this.#phase = "opened";
    clearTimeout(this.#deadline);
    this.#tell("onConnect");
    const { auth } = this.#host.options;
    if (auth === null) this.#accept();
    else if (typeof auth === "string") this.#authenticate(auth);
    else {
      new Promise((resolve) => resolve(auth())).then(
        (key) => this.#authenticate(key),
        (cause) => this.#authFailed(cause),
      );
    }
  }

  message(data: Uint8Array | string): void {
    if (!this.alive) return;
    this.silence = 0;
    if (typeof data === "string") {
      this.#unknown("unknownMessages", "TEXT_MESSAGE", data);
      return;
    }
    let message: Message | ReservedMessage;
    try {
      message = this.#host.codec.decode(data);
    } catch (error) {
      const { message, cause } = error as EZEZError;
      this.#fail("MALFORMED_MESSAGE", message, cause);
      return;
    }
    if (!message.reserved) this.channel.deliver(message);
    else if (message.eventName === ReservedEvent.authRejected) this.#reject(message.args[0]);
    else if (message.eventName === ReservedEvent.authOk && this.#phase === "asked") this.#accept();
    else this.#fail("RESERVED_EVENT", "unexpected reserved event");
  }

  unknownData(data: unknown): void {
    if (!this.alive) return;
    this.silence = 0;
    this.#unknown("unknownDataType", "MALFORMED_MESSAGE", data);
  }

  pong(): void {
    this.silence = 0;
  }

  error(cause: unknown): void {
    // The attempt is over, and Node 22 tells no close after it.
    if (this.#phase === "connecting") this.failed(cause, false);
    // One that says nothing only announces the close, as Node 24 does for each connection that breaks.
    else if (this.alive && messageOf(cause)) this.#report("TRANSPORT_ERROR", messageOf(cause), "transport", cause);
  }

  close(code: number, reason: string): void {
    if (this.#phase === "connecting") this.failed(undefined, false);
    else this.#end(code, reason, code === CloseCode.normal, false);
  }

  // ChannelOwner

  nextEventId(): number {
    return this.#host.nextEventId();
  }

  ready(): boolean {
    return this.alive;
  }

  transmit(bytes: Uint8Array): boolean {
    if (this.#phase === "opened" || this.#phase === "asked") {
      this.#host.queue.push({ bytes, onReply: undefined, connection: this });
      return true;
    }
    return this.alive && this.#socket?.send(bytes) === true;
  }

  onMessage({ eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#tell("onMessage", eventName, args, reply, ids);
  }

  onReply(onReply: AnyOnReply, { eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#host.run("onReply", () => onReply(eventName, args, reply, ids));
  }

  emit({ eventName, args }: Message, reply: AnyReply<AnyOnReply>, ids: Ids): void {
    this.#host.emitter.emit(eventName, { connection: this, args, reply, ids });
  }

  // The wire knows no event types: the declared ones begin here.
  #tell(name: Exclude<keyof ClientCallbacks<TEvents>, "onError">, ...parameters: unknown[]): void {
    const callbacks = this.#host.callbacks as Record<string, ((...parameters: unknown[]) => unknown) | undefined>;
    if (callbacks[name] !== undefined) this.#host.run(name, () => callbacks[name]?.(...parameters));
  }

  #report(code: EZEZErrorCode, message: string, stage: string, cause?: unknown): void {
    this.#host.report(new EZEZError(code, message, { stage, cause }));
  }

  #unknown(option: "unknownMessages" | "unknownDataType", code: EZEZErrorCode, data: unknown): void {
    const handler = this.#host.options[option];
    if (handler === "error") this.#report(code, "neither an ezez message nor wanted", option, data);
    else if (handler !== "ignore") this.#host.run(option, () => handler(data as string));
  }

  #authenticate(key: unknown): void {
    if (this.#phase !== "opened") return;
    if (typeof key !== "string") {
      this.#authFailed(new TypeError("auth must give a string"));
      return;
    }
    this.#phase = "asked";
    this.#socket?.send(this.#host.codec.encodeReserved(ReservedEvent.auth, key, PROTOCOL_VERSION));
  }

  #authFailed(cause: unknown): void {
    this.#host.report(callbackFailed("auth", cause));
    this.#end(CloseCode.unauthorized, "no auth key", false);
  }

  #accept(): void {
    if (!this.alive) return;
    const asked = this.#phase === "asked";
    this.#phase = "ready";
    this.#host.accepted();
    if (asked && this.alive) this.#tell("onAuthOk");
  }

  #reject(given: unknown): void {
    const reason = typeof given === "string" ? given : "";
    const timeout = reason === AUTH_TIMEOUT;
    const final = !timeout && reason !== VERIFICATION_FAILED;
    this.#end(timeout ? CloseCode.authTimeout : CloseCode.unauthorized, reason, final);
    this.#tell("onAuthRejected", reason);
  }

  /** The server broke a rule: report it and close. */
  #fail(code: "MALFORMED_MESSAGE" | "RESERVED_EVENT", message: string, cause?: unknown): void {
    this.#report(code, message, "peer", cause);
    this.#end(CloseCode.protocolError, message, false);
  }

  /** The connection is over for the application, whoever ended it. */
  #end(code: number, reason: string, final: boolean, closes = true): void {
    if (!this.alive) return;
    const opened = this.#phase !== "connecting";
    this.#phase = "ended";
    this.#heartbeat.stop();
    clearTimeout(this.#deadline);
    this.channel.replies.clear();
    this.#host.queue.retain((message) => message.connection !== this);
    // A reason of the server's may be longer than a close frame takes, and it knows it.
    if (closes) this.#socket?.close(code, code === CloseCode.protocolError ? reason : "");
    this.#host.ended(code, final || !this.#host.options.autoReconnect);
    if (!opened) return;
    // In a microtask, as on the server: whoever closes returns before it is told.
    Promise.resolve().then(() => this.#tell("onDisconnect", code, reason));
  }
}
