import {
  type Acceptor,
  type Callbacks,
  createHandshake,
  EZEZError,
  EZEZServer,
  type Handshake,
  integer,
  type Listener,
  type Options,
  oneOf,
  type Refusal,
  type ResolvedOptions,
  type Rule,
  resolve,
  type TEvents,
  warnIfOlder,
} from "@ezez-ws/core";

// ---- Options

/** Where to listen. Without `port`, `upgrade` is for a `Deno.serve` of the user's. */
export interface DenoOptions {
  /** Listen on a server of our own; 0 takes any free port. */
  port?: number | undefined;
  /** The address to listen on. @defaultValue all of IPv4 */
  host?: string | undefined;
  /** Serve wss: key and certificate, as PEM. */
  tls?: { key: string; cert: string } | undefined;
  /** Answers what is no upgrade on our port. @defaultValue 404, or 426 on `path` */
  fetch?: ((request: Request, info: DenoRequestInfo) => Response | Promise<Response>) | undefined;
}

/** What `Deno.serve` tells of a request beside it. */
export interface DenoRequestInfo {
  readonly remoteAddr: DenoAddress;
}

/** Deno's address of a peer, over TCP or over a Unix socket. */
export type DenoAddress = { readonly hostname: string } | { readonly path: string };

/** Deno's `HttpServer`. */
export interface DenoServer {
  readonly addr: { readonly hostname: string; readonly port: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
  ref(): void;
  unref(): void;
}

// At `stop`, an HTTP request has as long as the core gives a peer for its closing handshake.
const HTTP_CLOSE_MS = 2000;
// Deno counts in bufferedAmount what was sent in this turn of the loop, even where the kernel is about to take it.
const TURN_BYTES = 64 * 1024;
const DRAIN_POLL_MS = 10;
const SERVE_AGAIN_MS = 250;
// Deno upgrades a peer that has left as well, to a socket of which nothing is ever heard. Whether a request's peer has left
// it tells, but prints a warning to those who ask.
const OPEN_MS = 2000;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const rules = {
  port: integer(undefined, 0, 65_535),
  host: { standard: undefined, text: "a name or an address", valid: (host) => typeof host === "string" && host !== "" },
  tls: {
    standard: undefined,
    text: "an object of key and cert, which are PEM",
    valid: (tls) => isObject(tls) && [tls.key, tls.cert].every((pem) => typeof pem === "string"),
  },
  fetch: oneOf(undefined, Function),
} as const satisfies { readonly [K in keyof DenoOptions]: Rule<DenoOptions[K]> };

const checkOwn = (options: DenoOptions) => {
  if (typeof Deno === "undefined") {
    const message = "@ezez-ws/adapter-deno needs Deno; on Node use @ezez-ws/adapter-ws";
    throw new EZEZError("UNSUPPORTED_RUNTIME", message);
  }
  warnIfOlder("Deno", Deno.version.deno, "2.9");
  const own = resolve(rules, options);
  if (own.port === undefined && (own.host !== undefined || own.tls !== undefined || own.fetch !== undefined)) {
    throw new EZEZError("INVALID_OPTION", "host, tls and fetch need a port");
  }
  return own;
};

type Bound = ReturnType<typeof checkOwn> & ResolvedOptions;

// ---- Server

/** The ezez-ws server on `Deno.serve`. */
export class EZEZWebsocketServer<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
> extends EZEZServer<In, Out, TContext, WebSocket, DenoListener> {
  /** @throws EZEZError `INVALID_OPTION`, which names the option, or `UNSUPPORTED_RUNTIME` elsewhere than on Deno */
  constructor(options: DenoOptions & Options<TContext>, callbacks: Callbacks<In, Out, TContext, WebSocket>) {
    const own = checkOwn(options);
    super(options, callbacks, (acceptor, common) => bind({ ...common, ...own }, acceptor));
  }

  /** Our `Deno.serve`; null while it does not listen, and without `port`. Another where Deno ended it and it was begun again. */
  get server(): DenoServer | null {
    return this.listener.server;
  }

  /** Answers an upgrade request of the user's `Deno.serve`: return what this gives from its handler. */
  upgrade(request: Request, info: DenoRequestInfo): Promise<Response> {
    return this.listener.upgrade(request, info);
  }
}

interface DenoListener extends Listener {
  readonly server: DenoServer | null;
  readonly upgrade: (request: Request, info: DenoRequestInfo) => Promise<Response>;
}

const bind = (options: Bound, acceptor: Acceptor<WebSocket>): DenoListener => {
  const { port, host, tls, fetch, heartbeatIntervalMs, maxBackpressure } = options;
  const sockets = new Pending<WebSocket>();
  // How to answer each request whose answer is not delivered yet.
  const requests = new Pending<(response: Response) => void>();
  const kill = new AbortController();
  let ours: DenoServer | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;

  const upgrade = async (request: Request, info: DenoRequestInfo): Promise<Response> => {
    const handshake = handshakeOf(request, info);
    if (!isUpgrade(request)) return answer(acceptor.refuse(handshake.url));
    const admission = await acceptor.admit(handshake);
    if (!("accepted" in admission)) return answer(admission);
    if (!hasKey(handshake)) return answer({ status: 400, body: "Bad Request\n" });
    const { socket, response } = Deno.upgradeWebSocket(request, {
      ...(admission.protocol === undefined ? {} : { protocol: admission.protocol }),
      // Deno cannot be told to ping, but pings by itself after half of this. In seconds, and fractions of them.
      idleTimeout: (heartbeatIntervalMs * 2) / 1000,
    });
    connect(socket, handshake, Math.min(TURN_BYTES, maxBackpressure), acceptor, sockets);
    return response;
  };

  const handle = async (request: Request, info: DenoRequestInfo): Promise<Response> =>
    fetch !== undefined && !isUpgrade(request) ? fetch(request, info) : upgrade(request, info);

  // Deno ends the whole server where it cannot accept, as when there are too many open files. What is open stays.
  const serve = (port: number): void => {
    const server = Deno.serve(
      {
        port,
        ...(host === undefined ? {} : { hostname: host }),
        ...tls,
        signal: kill.signal,
        // It would print where it listens.
        onListen: () => undefined,
      },
      (request, info) =>
        new Promise((resolve, reject) => {
          requests.add(resolve);
          const delivered = (): void => requests.delete(resolve);
          info.completed.then(delivered, delivered);
          handle(request, info).then(resolve, reject);
        }),
    );
    ours = server;
    server.finished.catch((error) => {
      acceptor.error(error);
      serveAgain(server);
    });
  };
  const serveAgain = (ended: DenoServer): void => {
    if (ours !== ended) return;
    again = setTimeout(() => {
      try {
        serve(ended.addr.port);
      } catch (error) {
        acceptor.error(error);
        serveAgain(ended);
      }
    }, SERVE_AGAIN_MS);
  };

  return {
    get server() {
      return ours;
    },
    upgrade,
    listen: async () => {
      if (port !== undefined) serve(port);
    },
    address: () => (ours === null ? null : { address: ours.addr.hostname, port: ours.addr.port }),
    stop: async () => {
      const server = ours;
      ours = null;
      clearTimeout(again);
      if (server === null) return;
      // Deno has no way to only stop accepting. Its abort ends all, and its shutdown every WebSocket, whatever they still have
      // to send; and shutdown never resolves once a peer has left before its upgrade. So first what is open ends, while the
      // core answers with 503.
      await sockets.gone();
      await requests.gone(HTTP_CLOSE_MS);
      // Abort leaves alone whom nobody has answered yet.
      for (const respond of requests.items) respond(answer({ status: 503, body: "Service Unavailable\n" }));
      kill.abort();
      // What it rejects with was told by then.
      await server.finished.catch(() => undefined);
    },
  };
};

/** What has to end before the server may. */
class Pending<T> {
  readonly items = new Set<T>();
  #allGone: (() => void) | undefined;

  add(item: T): void {
    this.items.add(item);
  }

  delete(item: T): void {
    this.items.delete(item);
    if (this.items.size === 0) this.#allGone?.();
  }

  /** Resolves once nothing is left, or after this time. */
  async gone(milliseconds?: number): Promise<void> {
    if (this.items.size === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#allGone = resolve;
      if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }
}

// ---- Handshake

const isUpgrade = ({ headers }: Request): boolean =>
  headers.get("upgrade")?.toLowerCase() === "websocket" && /\bupgrade\b/i.test(headers.get("connection") ?? "");

// RFC 6455 section 4.2.1: 16 bytes in Base64. Deno takes any.
const hasKey = ({ headers }: Handshake): boolean =>
  /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "") && headers.get("sec-websocket-version") === "13";

const handshakeOf = (request: Request, { remoteAddr }: DenoRequestInfo): Handshake =>
  // The url is absolute, and otherwise as sent.
  createHandshake(
    request.url.replace(/^\w+:\/\/[^/]*/, ""),
    request.headers,
    "hostname" in remoteAddr ? remoteAddr.hostname : "",
  );

const answer = ({ status, headers, body }: Refusal): Response =>
  // An empty body would get a content-type. Deno keeps the connection all the same; its peer knows that it need not.
  new Response(body || null, { status, headers: { connection: "close", ...headers } });

// ---- Connection

const connect = (
  socket: WebSocket,
  handshake: Handshake,
  turnBytes: number,
  acceptor: Acceptor<WebSocket>,
  sockets: Pending<WebSocket>,
): void => {
  let isOver = false;
  let received = 0;
  let draining: ReturnType<typeof setInterval> | undefined;

  const over = (code: number, reason: string): void => {
    // After its own time-out Deno tells of the close twice.
    if (isOver) return;
    isOver = true;
    clearInterval(draining);
    clearTimeout(opening);
    sockets.delete(socket);
    handler.close(code, reason);
  };

  // Deno has no drain event.
  const watchDrain = (): void => {
    draining ??= setInterval(() => {
      if (socket.bufferedAmount > 0) return;
      clearInterval(draining);
      draining = undefined;
      handler.drain();
    }, DRAIN_POLL_MS);
  };

  // Deno drops a socket that closes, and the close frame with it, at the next message that it has read already. With a peer
  // that never stops the core ends it in time.
  const closeOnceQuiet = (code: number, reason: string): void => {
    const before = received;
    setImmediate(() => {
      if (received === before) socket.close(code, reason);
      else closeOnceQuiet(code, reason);
    });
  };

  // It opens once the answer is written. What is called before then throws or is forgotten.
  const handler = acceptor.accept(
    {
      raw: socket,
      send: (bytes) => {
        if (socket.readyState !== WebSocket.OPEN) return "dropped";
        socket.send(bytes.slice() as Uint8Array<ArrayBuffer>);
        if (socket.bufferedAmount <= turnBytes) return "sent";
        watchDrain();
        return "queued";
      },
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      close: (code, reason) => {
        if (socket.readyState !== WebSocket.CONNECTING) closeOnceQuiet(code, reason);
        else socket.addEventListener("open", () => closeOnceQuiet(code, reason));
      },
      terminate: () => {
        drop(socket);
        over(1006, "");
      },
    },
    handshake,
  );
  const opening = setTimeout(() => over(1006, ""), OPEN_MS);
  sockets.add(socket);
  socket.addEventListener("open", () => {
    clearTimeout(opening);
    if (isOver) drop(socket);
  });
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    received++;
    if (!isOver) handler.message(typeof data === "string" ? data : new Uint8Array(data));
  });
  socket.addEventListener("error", (event) => {
    // Deno's is an ErrorEvent, also where a peer only vanished.
    const message = "message" in event ? String(event.message) : "";
    if (!isOver && !VANISHED.test(message)) handler.error(new Error(message));
  });
  socket.addEventListener("close", ({ wasClean, code, reason }) => {
    if (wasClean) over(code, reason);
    else over(1006, "");
  });
};

const VANISHED = /Unexpected EOF|os error|close_notify/;

/**
 * Drops the TCP connection, once what is being written is written. Deno has no way to, but for the machinery of its own
 * `close`. Where Deno changes that, the connection stays until the peer ends it.
 */
const drop = (socket: WebSocket): void => {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "[[rid]]");
  if (symbol === undefined) return;
  const resource = (socket as unknown as Record<symbol, unknown>)[symbol];
  const { core } = (Deno as unknown as Record<symbol, DenoInternal | undefined>)[Deno.internal] ?? {};
  // It has none until it opens.
  if (typeof resource === "number") core?.tryClose?.(resource);
};

interface DenoInternal {
  readonly core?: { tryClose?(resource: number): void };
}
