import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { ListenOptions, Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
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
} from "@ezez-ws/core";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { DirectSocket } from "./direct-socket.js";
import { guardReceiver } from "./receiver.js";

// ---- Options

type OwnOptions = "path" | "maxPayload" | "handleProtocols" | "port" | "host" | "server" | "noServer";

/** Where to listen, and whatever else `ws` takes. Exactly one of `port`, `server` and `noServer`. */
export type WsOptions = Omit<ServerOptions, OwnOptions> & {
  /** Listen on an HTTP server of our own; 0 takes any free port. */
  port?: number | undefined;
  /** The address to listen on. @defaultValue all */
  host?: string | undefined;
  /** Serve upgrades on this server, which the user listens with. What has another `path` is left alone. */
  server?: Server | HttpsServer | undefined;
  /** Serve what is passed to `handleUpgrade`. */
  noServer?: boolean | undefined;
};

// A peer has this long to send its upgrade request.
const HANDSHAKE_MS = 10_000;
const DEFAULTS = {
  // As long as the core gives a peer that we close: ws waits 30 s for one that closed and keeps its TCP connection.
  // Not in the types of ws yet.
  closeTimeout: 2000,
  // How many pings may wait for their pongs is the core's to limit. Not in the types of ws yet.
  maxPendingAutoPongs: 0,
  // Promises settle between two messages that come in one TCP segment, as on every other runtime: an `onDisconnect` or
  // an `onError` is not overtaken, and a decision on the auth key that needs no I/O is there for the next message.
  allowSynchronousEvents: false,
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const rules = {
  port: integer(undefined, 0, 65_535),
  host: { standard: undefined, text: "a name or an address", valid: (host) => typeof host === "string" && host !== "" },
  server: {
    standard: undefined,
    text: "a server of node:http or node:https",
    // An application of Express or Koa has `on` as well, and never an upgrade.
    valid: (server) => isObject(server) && typeof server.on === "function" && "listening" in server,
  },
  noServer: oneOf(false, true),
  perMessageDeflate: {
    standard: false,
    text: "a boolean or an object",
    valid: (deflate) => typeof deflate === "boolean" || isObject(deflate),
  },
} as const satisfies { readonly [K in keyof WsOptions]: Rule<WsOptions[K]> };

const checkOwn = (options: WsOptions) => {
  const own = resolve(rules, options);
  const given = [own.port !== undefined, own.server !== undefined, own.noServer].filter(Boolean).length;
  if (given !== 1) throw new EZEZError("INVALID_OPTION", "port, server and noServer: give exactly one of them");
  return own;
};

type Bound = Omit<WsOptions, keyof typeof rules> & ReturnType<typeof checkOwn> & ResolvedOptions;

// ---- Server

/** The ezez-ws server on `ws`. */
export class EZEZWebsocketServer<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
> extends EZEZServer<In, Out, TContext, WebSocket, WsListener> {
  /** @throws EZEZError `INVALID_OPTION`, which names the option, or `UNSAFE_VERSION` where ws is older than 8.23 */
  constructor(options: WsOptions & Options<TContext>, callbacks: Callbacks<In, Out, TContext, WebSocket>) {
    const own = checkOwn(options);
    super(options, callbacks, (acceptor, common) => bind({ ...options, ...common, ...own }, acceptor));
  }

  /** The `ws` server. A WebSocket given to its "connection" event becomes a client. */
  get wss(): WebSocketServer {
    return this.listener.wss;
  }

  /** Serves an upgrade request of the user's own server (`noServer`). Takes over the socket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.listener.upgrade(request, socket, head);
  }
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

interface WsListener extends Listener<WebSocket> {
  readonly wss: WebSocketServer;
  readonly upgrade: UpgradeListener;
}

const bind = (options: Bound, acceptor: Acceptor<WebSocket>): WsListener => {
  // What the core decides is kept from ws; the rest is passed on.
  const { port, host, server: theirs, path: _path, maxPayload, ...wsOptions } = options;
  const protocols = new WeakMap<IncomingMessage, string | false>();
  const direct = new WeakSet<IncomingMessage>();
  checkVersion();
  const wss = new WebSocketServer({
    ...DEFAULTS,
    ...piecesOf(maxPayload),
    ...wsOptions,
    noServer: true,
    // Looser than the core's own limit, so that the core says 1009; ws refuses what is far above it at its header.
    maxPayload: Math.min(maxPayload * 2, LARGEST),
    // Called within handleUpgrade: the core has chosen by then.
    handleProtocols: (_offered, request) => protocols.get(request) ?? false,
  });
  wss.on("connection", (webSocket: WebSocket, request: IncomingMessage) =>
    connect(webSocket, request, direct.has(request), acceptor),
  );

  // Sockets that are no WebSocket yet, or are being refused. ws does not know them yet, nor does the HTTP server any more.
  const pending = new Set<Duplex>();
  const admit = async (...[request, socket, head]: Parameters<UpgradeListener>): Promise<void> => {
    // A socket without a listener for its errors ends the process: https://nodejs.org/api/http.html#event-upgrade_1
    socket.on("error", ignore);
    const forget = (): void => void pending.delete(socket);
    pending.add(socket);
    socket.once("close", forget);
    // ws takes version 8 as well, whose clients name their origin in another header.
    if (request.headers["sec-websocket-version"] !== "13") {
      answer(request, socket as NetSocket, WRONG_VERSION);
      return;
    }
    const admission = await acceptor.admit(handshakeOf(request));
    if (socket.destroyed) return;
    if (!("accepted" in admission)) {
      answer(request, socket as NetSocket, admission);
      return;
    }
    protocols.set(request, admission.protocol ?? false);
    // Not where the user wraps the network socket, or what ws sends.
    if (socket === request.socket && wsOptions.WebSocket === undefined) direct.add(request);
    socket.off("error", ignore);
    wss.handleUpgrade(request, socket, head, (webSocket) => {
      forget();
      socket.off("close", forget);
      wss.emit("connection", webSocket, request);
    });
  };
  const upgrade: UpgradeListener = (request, socket, head) => {
    // ws throws where a second server has taken the same socket over, say.
    admit(request, socket, head).catch((error) => {
      acceptor.error(error);
      socket.destroy();
    });
  };

  const ours = port === undefined ? undefined : createOwnServer(acceptor, upgrade);
  const onTheirUpgrade: UpgradeListener = (request, socket, head) => {
    if (acceptor.serves(request.url ?? "/")) upgrade(request, socket, head);
  };
  return {
    wss,
    upgrade,
    listen: () => {
      theirs?.on("upgrade", onTheirUpgrade);
      if (ours === undefined) return Promise.resolve();
      return listen(ours, { port, host, backlog: options.backlog }, acceptor);
    },
    address: () => {
      const address = ours?.address();
      return typeof address === "object" && address !== null ? { address: address.address, port: address.port } : null;
    },
    stop: async () => {
      theirs?.off("upgrade", onTheirUpgrade);
      wss.close();
      // Their onUpgrade, or a verifyClient, may never settle; a peer may never read why it is refused.
      for (const socket of pending) socket.destroy();
      if (ours?.listening !== true) return;
      const closed = new Promise<void>((resolve) => ours.close(() => resolve()));
      // Requests that are no WebSocket yet; upgraded sockets are not among them.
      ours.closeAllConnections();
      await closed;
    },
  };
};

// Before 8.23 ws kept without limit its answers to the pings of a peer that reads nothing: 132 MiB for 32 MiB of pings. The
// option came with the limit, and has a default. Bun has a ws of its own.
const checkVersion = (): void => {
  const { options } = new WebSocketServer({ noServer: true });
  if ("maxPendingAutoPongs" in options || process.versions.bun !== undefined) return;
  throw new EZEZError("UNSAFE_VERSION", "the installed ws lets any peer fill the memory: install ws 8.23 or later");
};

const ignore = (): void => undefined;

// ws takes it for a 32-bit integer.
const LARGEST = 2 ** 31 - 1;

// In how many pieces a message may come that never ends, before authentication too. Not in the types of ws yet.
const piecesOf = (maxPayload: number) => ({
  // ws takes 16,384, and keeps close to 300 bytes for each: 5 MiB. Enough for maxPayload in fragments of 1 KiB.
  maxFragments: Math.max(1024, Math.ceil(maxPayload / 1024)),
  // What was read at once of a frame that is not there yet. ws takes 262,144, and keeps close to 500 bytes for each: 128 MiB.
  // Enough for maxPayload in TCP segments of 256 bytes, which are 536 at the least where no peer makes them small.
  maxBufferedChunks: Math.max(4096, Math.ceil(maxPayload / 256)),
});

const createOwnServer = (acceptor: Acceptor<WebSocket>, upgrade: UpgradeListener): Server => {
  const server = createServer({
    headersTimeout: HANDSHAKE_MS,
    requestTimeout: HANDSHAKE_MS,
    connectionsCheckingInterval: 1000,
  });
  server.on("request", (request, response) => {
    const { status, headers, body } = acceptor.refuse(request.url ?? "/");
    response.writeHead(status, headers).end(body);
  });
  server.on("upgrade", upgrade);
  return server;
};

const listen = (server: Server, where: ListenOptions, acceptor: Acceptor<WebSocket>): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      // Later errors, such as too many open files, must not end the process.
      server.on("error", (error) => acceptor.error(error));
      resolve();
    });
  });

// ---- Handshake

const handshakeOf = (request: IncomingMessage): Handshake => {
  const pairs: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    pairs.push([request.rawHeaders[i] ?? "", request.rawHeaders[i + 1] ?? ""]);
  }
  return createHandshake(request.url ?? "/", pairs, request.socket.remoteAddress ?? "");
};

// RFC 6455 section 4.4.
const WRONG_VERSION: Refusal = { status: 426, headers: { "sec-websocket-version": "13" }, body: "Upgrade Required\n" };

const answer = (request: IncomingMessage, socket: NetSocket, { status, headers = {}, body = "" }: Refusal): void => {
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.on("finish", () => socket.destroySoon());
  response.writeHead(status, headers).end(body);
};

// ---- Connection

const BINARY = { binary: true };

const connect = (
  webSocket: WebSocket,
  request: IncomingMessage,
  isDirect: boolean,
  acceptor: Acceptor<WebSocket>,
): void => {
  guardReceiver(webSocket);
  // Frames go straight to the network socket where ws has to compress none.
  const socket =
    isDirect && !IS_BUN && webSocket.extensions === ""
      ? new DirectSocket(webSocket, request.socket)
      : new IndirectSocket(webSocket, request.socket);
  const handler = acceptor.accept(socket, handshakeOf(request));
  socket.handler = handler;
  // `binaryType` is nodebuffer by default, and stays so: the data is one Buffer.
  webSocket.on("message", (data: Buffer, isBinary) => handler.message(isBinary ? data : data.toString()));
  webSocket.on("pong", () => handler.pong());
  webSocket.on("error", (error) => handler.error(error));
  webSocket.on("close", (code, reason) => handler.close(code, reason.toString()));
  webSocket.on("ping", (data: Buffer) => handler.pinged(data.length, heldByPongs(webSocket)));
};

// What Node and ws keep for a pong that waits, beside what the peer wrote: two buffers and their places in the stream. Bytes.
const PONG_BYTES = 320;

// ws counts them itself. Bun's ws does not, and needs no such memory.
const heldByPongs = (webSocket: WebSocket): number => {
  const { _pendingAutoPongs: pongs = 0 } = webSocket as WebSocket & { readonly _pendingAutoPongs?: number };
  return pongs * PONG_BYTES;
};

// Bun has a `ws` of its own, whose sockets are no network sockets.
const IS_BUN = process.versions.bun !== undefined;

// ws compresses, and TLS encrypts, whatever it is given a turn later: only more than this is taken for waiting. Bytes.
const TURN_BYTES = IS_BUN ? 0 : 64 * 1024;

const LOOK_AGAIN_MS = 20;

/** A connection to which ws writes. */
class IndirectSocket implements Socket<WebSocket> {
  handler: SocketHandler | undefined;
  #isCongested = false;
  // Messages whose callback is due.
  #due = 0;
  #looking: ReturnType<typeof setTimeout> | undefined;
  readonly #socket: NetSocket;
  readonly #written: () => void;

  constructor(
    readonly raw: WebSocket,
    socket: NetSocket,
  ) {
    this.#socket = socket;
    this.#written = () => {
      this.#due--;
      this.#look();
    };
  }

  get bufferedAmount(): number {
    return this.raw.bufferedAmount;
  }

  send(bytes: Uint8Array): SendStatus {
    if (this.raw.readyState !== this.raw.OPEN) return "dropped";
    // ws has no drain event; its callback comes when the bytes were written.
    // What it compresses it keeps.
    this.#due++;
    this.raw.send(Buffer.from(bytes), BINARY, this.#written);
    if (this.raw.bufferedAmount > TURN_BYTES) this.#isCongested = true;
    return this.#isCongested ? "queued" : "sent";
  }

  close(code: number, reason: string): void {
    this.raw.close(code, reason);
  }

  terminate(): void {
    this.raw.terminate();
  }

  ping(): void {
    this.raw.ping();
  }

  #look(): void {
    clearTimeout(this.#looking);
    // What was written to a socket that is destroyed has not gone anywhere.
    if (!this.#isCongested || this.#socket.destroyed || this.raw.readyState === this.raw.CLOSED) return;
    if (this.raw.bufferedAmount === 0) {
      this.#isCongested = false;
      this.handler?.drain();
    } else if (this.#due === 0) {
      // What ws has written itself, pongs say, is still to go, and tells nobody.
      this.#looking = setTimeout(() => this.#look(), LOOK_AGAIN_MS);
    }
  }
}
