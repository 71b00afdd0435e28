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
  type SendStatus,
  type Socket,
  type SocketHandler,
  type TEvents,
  warnIfOlder,
} from "@ezez-ws/core";
import type { Server, ServerWebSocket, SocketAddress, TLSOptions, WebSocketHandler } from "bun";

// ---- Options

/** Where to listen. Without `port`, `upgrade` and `websocket` are for a `Bun.serve` of the user's. */
export interface BunOptions {
  /** Listen on a server of our own; 0 takes any free port. */
  port?: number | undefined;
  /** The address to listen on. @defaultValue all */
  host?: string | undefined;
  /** Serve wss: key and certificate, as `Bun.serve` takes them. */
  tls?: TLSOptions | TLSOptions[] | undefined;
  /** Answers what is no upgrade on our port. @defaultValue 404, or 426 on `path` */
  fetch?: ((request: Request, server: BunServer) => Response | Promise<Response>) | undefined;
  /** Compression, as in Bun's `websocket` handlers. @defaultValue false */
  perMessageDeflate?: WebSocketHandler<SocketData>["perMessageDeflate"] | undefined;
}

/** Bun's server, with sockets of ours. */
export type BunServer = Server<SocketData>;

/** Bun's socket: `client.client`. */
export type BunSocket = ServerWebSocket<SocketData>;

/** What a socket carries for us. */
interface SocketData {
  readonly handshake: Handshake;
  connection?: Connection;
}

// At `stop`, an HTTP request has as long as the core gives a peer for its closing handshake.
const HTTP_CLOSE_MS = 2000;

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

const rules = {
  port: integer(undefined, 0, 65_535),
  host: { standard: undefined, text: "a name or an address", valid: (host) => typeof host === "string" && host !== "" },
  tls: {
    standard: undefined,
    text: "an object, or an array of objects",
    valid: (tls) => [tls].flat().every(isObject),
  },
  fetch: oneOf(undefined, Function),
  perMessageDeflate: {
    standard: false,
    text: "a boolean or an object",
    valid: (deflate) => typeof deflate === "boolean" || isObject(deflate),
  },
} as const satisfies { readonly [K in keyof BunOptions]: Rule<BunOptions[K]> };

const checkOwn = (options: BunOptions) => {
  if (typeof Bun === "undefined") {
    const message = "@ezez-ws/adapter-bun needs Bun; on Node use @ezez-ws/adapter-ws";
    throw new EZEZError("UNSUPPORTED_RUNTIME", message);
  }
  warnIfOlder("Bun", Bun.version, "1.4.1");
  const own = resolve(rules, options);
  if (own.port === undefined && (own.host !== undefined || own.tls !== undefined || own.fetch !== undefined)) {
    throw new EZEZError("INVALID_OPTION", "host, tls and fetch need a port");
  }
  return own;
};

type Bound = ReturnType<typeof checkOwn> & ResolvedOptions;

// ---- Server

/** The ezez-ws server on `Bun.serve`. */
export class EZEZWebsocketServer<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
> extends EZEZServer<In, Out, TContext, BunSocket, BunListener> {
  /** @throws EZEZError `INVALID_OPTION`, which names the option, or `UNSUPPORTED_RUNTIME` elsewhere than on Bun */
  constructor(options: BunOptions & Options<TContext>, callbacks: Callbacks<In, Out, TContext, BunSocket>) {
    const own = checkOwn(options);
    super(options, callbacks, (acceptor, common) => bind({ ...common, ...own }, acceptor));
  }

  /** Our `Bun.serve`; null while it does not listen, and without `port`. */
  get server(): BunServer | null {
    return this.listener.server;
  }

  /** The `websocket` of the user's `Bun.serve`. */
  get websocket(): WebSocketHandler<SocketData> {
    return this.listener.websocket;
  }

  /** Answers an upgrade request of the user's `Bun.serve`: return what this gives from its `fetch`. */
  upgrade(request: Request, server: BunServer): Promise<Response | undefined> {
    return this.listener.upgrade(request, server);
  }
}

interface BunListener extends Listener<BunSocket> {
  readonly server: BunServer | null;
  readonly websocket: WebSocketHandler<SocketData>;
  readonly upgrade: (request: Request, server: BunServer) => Promise<Response | undefined>;
}

const bind = (options: Bound, acceptor: Acceptor<BunSocket>): BunListener => {
  const { port, host, tls, fetch, perMessageDeflate } = options;
  const websocket = handlers(options, acceptor);
  const topic = newTopic();
  // With servers of the user's there may be several.
  const servers = new Set<BunServer>();
  let ours: BunServer | null = null;

  const upgrade = async (request: Request, server: BunServer): Promise<Response | undefined> => {
    // Now: once the peer is gone, and after the upgrade, Bun no longer tells its address.
    const handshake = handshakeOf(request, server);
    if (!isUpgrade(request)) return answer(acceptor.refuse(handshake.url));
    const admission = await acceptor.admit(handshake);
    if (!("accepted" in admission)) return answer(admission);
    // Bun takes the first protocol that is offered, unless there is a header; an empty one means none.
    const headers = { "Sec-WebSocket-Protocol": admission.protocol ?? "" };
    if (server.upgrade(request, { data: { handshake }, headers })) {
      servers.add(server);
      return undefined;
    }
    // The peer is gone, or its key is wrong. A wrong version Bun has answered itself, with 426.
    return answer({ status: 400, body: "Bad Request\n" });
  };

  return {
    get server() {
      return ours;
    },
    websocket,
    upgrade,
    listen: async () => {
      if (port === undefined) return;
      ours = Bun.serve<SocketData>({
        port,
        ...(host === undefined ? {} : { hostname: host }),
        ...(tls === undefined ? {} : { tls }),
        websocket,
        fetch: (request, server) => {
          if (fetch !== undefined && !isUpgrade(request)) return fetch(request, server);
          return upgrade(request, server);
        },
      });
    },
    address: () => {
      if (ours?.port === undefined) return null;
      // Bun's types lack it; `hostname` is a name even where no host was given.
      const { address } = ours as BunServer & { readonly address?: SocketAddress };
      return { address: address?.address ?? ours.hostname ?? "", port: ours.port };
    },
    stop: async () => {
      const server = ours;
      ours = null;
      if (server === null) return;
      // It waits for requests too, of which half a one can take its time; `true` drops what is left.
      const drop = setTimeout(() => server.stop(true), HTTP_CLOSE_MS);
      await server.stop();
      clearTimeout(drop);
    },
    // Bun keeps the order of publish and send, and drops nothing: https://bun.com/docs/runtime/http/websockets#publish-subscribe
    group: {
      add: (socket) => socket.subscribe(topic),
      delete: (socket) => socket.unsubscribe(topic),
      send: (bytes) => {
        for (const server of servers) server.publish(topic, bytes, perMessageDeflate !== false);
      },
    },
  };
};

let topics = 0;

// One for each of our servers: several may serve one of the user's.
const newTopic = (): string => `ezez-ws server ${topics++}`;

// ---- Handshake

const isUpgrade = ({ headers }: Request): boolean =>
  headers.get("upgrade")?.toLowerCase() === "websocket" && /\bupgrade\b/i.test(headers.get("connection") ?? "");

const handshakeOf = (request: Request, server: BunServer): Handshake => {
  // Absolute, or path and query alone where the Host header is no host. Bun has resolved `..` and encoded what is not ASCII
  // (https://url.spec.whatwg.org/#path-state): it keeps no url as it was sent.
  const url = request.url.replace(/^\w+:\/\/[^/]*/, "");
  return createHandshake(url, request.headers, server.requestIP(request)?.address ?? "");
};

const answer = ({ status, headers, body }: Refusal): Response =>
  // Or else the connection stays (RFC 9112 section 9.3), and Bun answers with 400 what was sent behind a refused upgrade.
  new Response(body ?? null, { status, headers: { connection: "close", ...headers } });

// ---- Connection

const handlers = (options: Bound, acceptor: Acceptor<BunSocket>): WebSocketHandler<SocketData> => {
  const { perMessageDeflate, maxPayload } = options;
  return {
    perMessageDeflate,
    // Looser than the core's own limit, so that the core says 1009.
    maxPayloadLength: Math.min(maxPayload * 2, 2 ** 31 - 1),
    // No limit: over it Bun drops messages, and the core's maxBackpressure is the only rule.
    backpressureLimit: 0,
    // The heartbeat is the core's; Bun's pings time out by a clock of their own: https://github.com/oven-sh/bun/issues/26554
    idleTimeout: 0,
    sendPings: false,
    open: (ws) => {
      const connection = new Connection(ws, perMessageDeflate !== false);
      ws.data.connection = connection;
      connection.handler = acceptor.accept(connection, ws.data.handshake);
    },
    message: (ws, data) => ws.data.connection?.handler?.message(data),
    // Which Bun answers: https://bun.com/docs/runtime/http/websockets
    ping: (ws, data) => ws.data.connection?.pinged(data.length),
    pong: (ws) => ws.data.connection?.handler?.pong(),
    drain: (ws) => {
      const { connection } = ws.data;
      if (connection?.end === undefined) connection?.drain();
      else if (ws.getBufferedAmount() === 0) connection.end();
    },
    close: ({ data: { connection } }, code, reason) => {
      const handler = connection?.handler;
      // With 1006 the reason is Bun's own word for what broke: no peer sent it.
      if (code === 1006 && reason !== "") handler?.error(new Error(reason));
      handler?.close(code, code === 1006 ? "" : reason);
    },
  };
};

// Not a literal of closures, which would cost every connection more memory.
class Connection implements Socket<BunSocket> {
  handler: SocketHandler | undefined;
  /** The close that waits for the buffer to drain. */
  end: (() => unknown) | undefined;
  readonly #compress: boolean;
  /** Messages may wait, and not only what the runtime sends by itself. */
  #hasSent = false;
  #settles = false;

  constructor(
    readonly raw: BunSocket,
    compress: boolean,
  ) {
    this.#compress = compress;
  }

  get bufferedAmount(): number {
    return this.raw.getBufferedAmount();
  }

  send(bytes: Uint8Array): SendStatus {
    // Its length where all is written, -1 where some waits, 0 where the socket is closed (and for an empty message).
    const status = this.raw.sendBinary(bytes, this.#compress);
    this.#hasSent = true;
    if (status === 0) return "dropped";
    return status > 0 ? "sent" : "queued";
  }

  pinged(byteLength: number): void {
    // Later: what this callback has sent Bun collects until its end, and does not count among what waits.
    if (this.#hasSent && !this.#settles) {
      this.#settles = true;
      setImmediate(() => this.#settle());
    }
    this.handler?.pinged(byteLength);
  }

  /** Bytes that had waited went. */
  drain(): void {
    // What a callback sends Bun writes at its end: it was "sent", and may have had to wait since then.
    if (this.#hasSent) this.handler?.queued();
    this.#hasSent = false;
    this.handler?.drain();
  }

  close(code: number, reason: string): void {
    // Bun reports the close within close(). What is buffered then it goes on writing for about 4 s, or until the process
    // ends, and drops the rest and the close frame with it. Here it waits first; the core ends that in time.
    const end = (): unknown => this.raw.close(code, reason);
    if (this.bufferedAmount === 0) end();
    else this.end = end;
  }

  terminate(): void {
    this.raw.terminate();
  }

  ping(): void {
    this.#settle();
    this.raw.ping();
  }

  #settle(): void {
    this.#settles = false;
    if (this.bufferedAmount === 0) this.#hasSent = false;
  }
}
