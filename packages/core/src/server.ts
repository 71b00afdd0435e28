import {
  accepted,
  admissionOf,
  chooseProtocol,
  FAILED,
  FORBIDDEN,
  hasPath,
  isAllowedOrigin,
  NOT_FOUND,
  UNAVAILABLE,
  UPGRADE_REQUIRED,
} from "./admission.js";
import { broadcastBytes, exceptions } from "./broadcast.js";
import { integer, resolve } from "./checks.js";
import { tellConsole } from "./console.js";
import type { EventName, EZEZServerClient, SendArguments, TEvents } from "./contract.js";
import { Deadlines } from "./deadlines.js";
import { callbackFailed, EZEZError, transportError } from "./errors.js";
import { FrameCodec } from "./frame.js";
import { guard, isPromiseLike } from "./guard.js";
import { Heartbeat } from "./heartbeat.js";
import { type Callbacks, checkCallbacks, type Options, type ResolvedOptions, resolveOptions } from "./options.js";
import { CLOSING_HANDSHAKE_MS, FIRST_BROADCAST_ID } from "./protocol.js";
import { Session, type SessionHost, type SessionPoint } from "./session.js";
import type { Acceptor, Admission, Handshake, Listener, Socket, SocketHandler } from "./socket.js";

const CLOSE_TIMEOUT_MS = 5000;

/** `close`'s only argument. */
export interface CloseOptions {
  /** How long peers have to finish the closing handshake. @defaultValue 5000 */
  timeoutMs?: number | undefined;
}

/** Who does not get a broadcast. */
export interface BroadcastOptions<TClient> {
  readonly except?: TClient | Iterable<TClient> | undefined;
}

/**
 * The engine of every adapter's `EZEZWebsocketServer`. It knows no runtime: `bind` gets the acceptor, which the runtime's
 * callbacks drive, and returns the listener, which this drives.
 */
export class EZEZServer<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
  TSocket = unknown,
  TListener extends Listener<TSocket> = Listener<TSocket>,
> {
  /** The runtime's server, bound. */
  protected readonly listener: TListener;
  readonly #options: ResolvedOptions;
  readonly #callbacks: Callbacks<In, Out, TContext, TSocket>;
  readonly #codec: FrameCodec;
  readonly #sessions = new Set<Session<In, Out, TContext, TSocket>>();
  readonly #heartbeat: Heartbeat;
  readonly #upgrade: Deadlines<(answer: unknown) => void>; // whose time is over has given no answer, which fails
  readonly #authMessage: Deadlines<Session<In, Out, TContext, TSocket>>;
  readonly #authDecision: Deadlines<Session<In, Out, TContext, TSocket>>;
  readonly #closingHandshake: Deadlines<Session<In, Out, TContext, TSocket>>;
  readonly #host: SessionHost<In, Out, TContext, TSocket>;
  #state: "new" | "started" | "closed" = "new";
  #listening: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #allGone: (() => void) | undefined;
  #broadcastId = FIRST_BROADCAST_ID;
  #entering = 0; // admitted, and not accepted yet

  /** @throws EZEZError `INVALID_OPTION`, which names the option */
  constructor(
    options: Options<TContext>,
    callbacks: Callbacks<In, Out, TContext, TSocket>,
    bind: (acceptor: Acceptor<TSocket>, options: ResolvedOptions) => TListener,
  ) {
    this.#options = resolveOptions(options);
    checkCallbacks(callbacks);
    this.#callbacks = callbacks;
    this.#codec = new FrameCodec(options);
    this.#heartbeat = new Heartbeat(this.#sessions, this.#options);
    this.#upgrade = new Deadlines(this.#options.upgradeDecisionTimeoutMs, (settle) => settle(undefined));
    this.#authMessage = new Deadlines(this.#options.authTimeoutMs, (session) => session.authTimedOut());
    this.#authDecision = new Deadlines(this.#options.authDecisionTimeoutMs, (session) => session.authTimedOut());
    this.#closingHandshake = new Deadlines(CLOSING_HANDSHAKE_MS, (session) => session.terminate());
    const acceptor: Acceptor<TSocket> = {
      serves: (url) => hasPath(url, this.#options.path),
      refuse: (url) => (hasPath(url, this.#options.path) ? UPGRADE_REQUIRED : NOT_FOUND),
      admit: (handshake) => this.#admit(handshake),
      accept: (socket, handshake) => this.#accept(socket, handshake),
      error: (error) => this.#report(undefined, transportError(error)),
    };
    this.listener = bind(acceptor, this.#options);
    this.#host = {
      options: this.#options,
      callbacks,
      codec: this.#codec,
      group: this.listener.group,
      tellsSlowConsumer: false,
      run: (session, stage, call) => this.#run(session, stage, call),
      report: (session, error) => this.#report(session, error),
      moved: (session, point) => this.#moved(session, point),
    };
  }

  /**
   * Starts to accept connections. Rejects with the cause where that fails (the port is taken, say), and with
   * `ALREADY_STARTED` or `SERVER_CLOSED` at any further call.
   */
  async start(): Promise<void> {
    if (this.#state === "started") throw new EZEZError("ALREADY_STARTED", "the server was started");
    if (this.#state === "closed") throw new EZEZError("SERVER_CLOSED", "the server is closed");
    this.#state = "started";
    this.#listening = this.listener.listen();
    await this.#listening;
  }

  /**
   * Stops accepting, closes every client with 1001, and terminates those that have not finished the closing handshake in
   * time. An HTTP server of the user's goes on without us. Every call gives the same promise.
   * @throws EZEZError `INVALID_OPTION` for a bad `timeoutMs`
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { timeoutMs } = resolve({ timeoutMs: integer(CLOSE_TIMEOUT_MS, 0) }, options);
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  /**
   * Sends one event, encoded once, to every authenticated client.
   * @returns to how many it was handed
   * @throws EZEZError `INVALID_EVENT_NAME` or `NOT_SERIALIZABLE`
   */
  broadcast<K extends EventName<Out>>(
    eventName: K,
    ...[args, options]: SendArguments<Out[K], BroadcastOptions<EZEZServerClient<In, Out, TContext>>>
  ): number {
    // Of its own: what is lent would not outlive a callback about a slow client.
    const bytes = this.#codec.encode(eventName, this.#broadcastId++, null, args ?? []).slice();
    return broadcastBytes(this.#sessions, this.listener.group, bytes, exceptions(options?.except), (session, cause) => {
      // With sendAfterDisconnect: "throw"; a broadcast counts whom it reached, and is no send to the one that has gone.
      if (cause instanceof EZEZError && cause.code === "DISCONNECTED") return;
      this.#report(session, transportError(cause));
    });
  }

  /** The authenticated clients, in the order in which they connected. A snapshot. */
  get clients(): EZEZServerClient<In, Out, TContext, TSocket>[] {
    return [...this.#sessions].filter((session) => session.alive && session.authenticated);
  }

  /** Where the server listens; null before `start`, after `close`, and where the user's own server listens. */
  address(): { address: string; port: number } | null {
    return this.listener.address();
  }

  #admit(handshake: Handshake): Admission | Promise<Admission> {
    const { path, allowedOrigins } = this.#options;
    if (!hasPath(handshake.url, path)) return NOT_FOUND;
    return this.#orFailed("allowedOrigins", () => {
      if (!isAllowedOrigin(handshake.headers.get("origin"), allowedOrigins)) return FORBIDDEN;
      return this.#isFull ? UNAVAILABLE : this.#askForUpgrade(handshake);
    });
  }

  #askForUpgrade(handshake: Handshake): Admission | Promise<Admission> {
    const callbacks = this.#callbacks;
    return this.#orFailed("onUpgrade", () => {
      const answer: unknown = callbacks.onUpgrade === undefined ? true : callbacks.onUpgrade(handshake);
      if (!isPromiseLike(answer)) return this.#admission(handshake, answer);
      return new Promise((settle, reject) => {
        this.#upgrade.add(settle);
        const settled = Promise.resolve(answer).finally(() => this.#upgrade.delete(settle));
        settled.then(settle, reject);
        if (this.#state === "closed") this.#upgrade.expire(Infinity); // by the callback itself
      }).then(
        // Meanwhile others may have connected, or the server closed.
        (settled) => (this.#isFull ? UNAVAILABLE : this.#admission(handshake, settled)),
        (cause) => this.#failed("onUpgrade", cause),
      );
    });
  }

  #admission(handshake: Handshake, answer: unknown): Admission {
    const admission = this.#orFailed("onUpgrade", () => admissionOf(answer));
    if (admission !== true) return admission;
    return this.#orFailed("handleProtocols", () => {
      const protocol = chooseProtocol(handshake, this.#options.handleProtocols);
      this.#admitted();
      return accepted(protocol);
    });
  }

  #orFailed<T>(stage: string, decide: () => T): T | Admission {
    try {
      return decide();
    } catch (cause) {
      return this.#failed(stage, cause);
    }
  }

  #failed(stage: string, cause: unknown): Admission {
    this.#report(undefined, callbackFailed(stage, cause));
    return FAILED;
  }

  get #isFull(): boolean {
    return this.#state !== "started" || this.#sessions.size + this.#entering >= this.#options.maxConnections;
  }

  // Several `onUpgrade` may settle in one turn of the loop, each before the one before it has become a connection. All that
  // do become one are by the end of the turn; of the others, whose peers are gone, nobody tells.
  #admitted(): void {
    if (this.#options.maxConnections === Infinity) return;
    if (this.#entering++ > 0) return;
    setTimeout(() => {
      this.#entering = 0;
    }, 0);
  }

  #accept(socket: Socket<TSocket>, handshake: Handshake): SocketHandler {
    const session = new Session<In, Out, TContext, TSocket>(this.#host, socket, handshake);
    this.#sessions.add(session);
    if (this.#entering > 0) this.#entering--;
    this.#heartbeat.start();
    this.#authMessage.add(session);
    // An upgrade may have been under way while the server closed. Later, as an adapter has no handler yet which it could
    // tell that close() has closed.
    if (this.#state === "closed") Promise.resolve().then(() => session.shutDown());
    return session;
  }

  #moved(session: Session<In, Out, TContext, TSocket>, point: SessionPoint): void {
    this.#authMessage.delete(session);
    if (point !== "deciding") this.#authDecision.delete(session);
    else this.#authDecision.add(session);
    if (point === "closing") this.#closingHandshake.add(session);
    if (point !== "gone") return;
    this.#closingHandshake.delete(session);
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#heartbeat.stop();
    this.#allGone?.();
  }

  async #close(timeoutMs: number): Promise<void> {
    const started = this.#state === "started";
    this.#state = "closed";
    // At once, so that from here on nothing is sent or dispatched.
    this.#upgrade.expire(Infinity);
    for (const session of this.#sessions) session.shutDown();
    // A server that is still about to listen cannot stop yet; why it could not listen is start's to tell.
    await this.#listening?.catch(() => undefined);
    const stopped = started ? this.listener.stop() : undefined;
    await this.#waitForPeers(timeoutMs);
    await stopped;
  }

  async #waitForPeers(timeoutMs: number): Promise<void> {
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const session of this.#sessions) session.terminate();
      }, timeoutMs);
      this.#allGone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #run(session: Session<In, Out, TContext, TSocket>, stage: string, call: () => unknown): void {
    guard(call, (cause) => this.#report(session, callbackFailed(stage, cause)));
  }

  #report(session: Session<In, Out, TContext, TSocket> | undefined, error: EZEZError): void {
    const callbacks = this.#callbacks;
    if (callbacks.onError !== undefined) guard(() => callbacks.onError?.(session, error), tellConsole);
    else if (error.code === "CALLBACK_FAILED") tellConsole(error);
  }
}
