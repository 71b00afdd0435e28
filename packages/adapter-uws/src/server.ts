import type {
  AppOptions,
  CompressOptions,
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  WebSocket,
  WebSocketBehavior,
} from "uWebSockets.js";
import { STATUS_CODES } from "node:http";
import { isIPv6, SocketAddress } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
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
  type Refusal,
  type ResolvedOptions,
  type Rule,
  resolve,
  type SendStatus,
  type Socket,
  type SocketHandler,
  type TEvents,
} from "@ezez-ws/core";
import { checkVersion, createApp, type Listening, listen } from "./app.js";

// ---- Options

/** Where to listen, and what of uWebSockets.js to use. Exactly one of `port` and `app`. */
export interface UwsOptions {
  /** Listen with an app of our own; 0 takes any free port. A port in use is refused, never shared. */
  port?: number | undefined;
  /** The address to listen on. @defaultValue all */
  host?: string | undefined;
  /** Serve upgrades on this app, which the user listens with. What has another `path` is left alone. */
  app?: TemplatedApp | undefined;
  /** Listen with TLS: names of PEM files. */
  ssl?: AppOptions | undefined;
  /** One of uWebSockets.js' compressors, or a compressor and a decompressor joined by `|`. @defaultValue `DISABLED` */
  compression?: CompressOptions | undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const rules = {
  // uWS itself takes any number, modulo 65536.
  port: integer(undefined, 0, 65_535),
  host: { standard: undefined, text: "a name or an address", valid: (host) => typeof host === "string" && host !== "" },
  app: {
    standard: undefined,
    text: "an app of uWebSockets.js",
    valid: (app) => isObject(app) && typeof app.ws === "function",
  },
  // uWS ends the process on anything else.
  ssl: { standard: undefined, text: "an object", valid: isObject },
  compression: integer(0, 0),
} as const satisfies { readonly [K in keyof UwsOptions]: Rule<UwsOptions[K]> };

const checkOwn = (options: UwsOptions) => {
  const own = resolve(rules, options);
  if ((own.port === undefined) === (own.app === undefined)) {
    throw new EZEZError("INVALID_OPTION", "port and app: give exactly one of them");
  }
  return own;
};

type Bound = ReturnType<typeof checkOwn> & ResolvedOptions;

// ---- Server

/** The ezez-ws server on uWebSockets.js. */
export class EZEZWebsocketServer<
  In extends TEvents,
  Out extends TEvents = In,
  TContext extends object = Record<string, never>,
> extends EZEZServer<In, Out, TContext, WebSocket<unknown>, UwsListener> {
  /** @throws EZEZError `INVALID_OPTION`, which names the option */
  constructor(options: UwsOptions & Options<TContext>, callbacks: Callbacks<In, Out, TContext, WebSocket<unknown>>) {
    const own = checkOwn(options);
    super(options, callbacks, (acceptor, common) => bind({ ...common, ...own }, acceptor));
  }

  /**
   * The app of uWebSockets.js, which further routes can be added to; ours is created when it is first asked for.
   * @throws EZEZError `UNSUPPORTED_RUNTIME` where uWebSockets.js cannot be loaded, `INVALID_OPTION` where it refuses `ssl`;
   * or what reading a file of `ssl` throws
   */
  get app(): TemplatedApp {
    return this.listener.app;
  }
}

interface UwsListener extends Listener<WebSocket<unknown>> {
  readonly app: TemplatedApp;
}

const bind = (options: Bound, acceptor: Acceptor<WebSocket<unknown>>): UwsListener => {
  const { port, host, compression } = options;
  const topic = newTopic();
  let { app } = options;
  let listening: Listening | undefined;
  const listener: UwsListener = {
    get app() {
      app ??= createApp(options.ssl);
      return app;
    },
    listen: async () => {
      const { app } = listener;
      checkVersion();
      // There is no removing a route: after the close the core refuses with 503 what comes to it.
      app.ws(options.path ?? "/*", behavior(options, acceptor));
      if (port === undefined) return;
      app.any("/*", (response, request) => {
        const url = urlOf(request);
        // uWS takes for an upgrade only what has a key of 24 characters.
        const isUpgrade =
          acceptor.serves(url) && request.getHeader("upgrade") !== "" && UPGRADE.test(request.getHeader("connection"));
        refuse(response, isUpgrade ? BAD_REQUEST : acceptor.refuse(url));
      });
      listening = await listen(app, port, host);
    },
    address: () => (listening === undefined ? null : { address: listening.address, port: listening.port }),
    stop: async () => {
      if (listening === undefined) return;
      listening.stop();
      listening = undefined;
      // Sockets that were ended wait for the peer's FIN, and nothing tells when it came: app.close() at once would reset
      // those whose peer is still sending. They keep the process alive and this timer does not, so it can end with the last.
      setTimeout(() => listener.app.close(), FREE_AFTER_MS).unref();
    },
    // uWS keeps the order of publish and send: https://github.com/uNetworking/uWebSockets/blob/master/src/WebSocket.h
    group: {
      add: (socket) => isOpen(socket) && socket.subscribe(topic),
      delete: (socket) => isOpen(socket) && socket.unsubscribe(topic),
      send: (bytes) => listener.app.publish(topic, bytes, true, compression !== 0),
    },
  };
  return listener;
};

let topics = 0;

// One for each of our servers: an app may have several.
const newTopic = (): string => `ezez-ws server ${topics++}`;

// The core has terminated each session by then: peers get 2 s for the closing handshake.
const FREE_AFTER_MS = 3000;

// ---- Handshake

const BAD_REQUEST: Refusal = { status: 400, headers: { "sec-websocket-version": "13" }, body: "Bad Request\n" };

const KEY = /^[+/0-9A-Za-z]{22}==$/;

const UPGRADE = /(?:^|,)\s*upgrade\s*(?:,|$)/i;

/**
 * Whether it asks for an upgrade (RFC 9110 section 7.8). uWS takes a first Connection header of five characters for "close",
 * and then may end the socket, and with it the process, while it is upgraded.
 */
const asksForUpgrade = (request: HttpRequest, { headers }: Handshake): boolean =>
  request.getHeader("upgrade") !== "" &&
  request.getHeader("connection").length !== "close".length &&
  UPGRADE.test(headers.get("connection") ?? "");

/** Whether it keeps to RFC 6455 section 4.2.1; uWS looks at nothing but the key's length. */
const isWellFormed = (request: HttpRequest): boolean =>
  request.getHeader("upgrade").toLowerCase() === "websocket" &&
  KEY.test(request.getHeader("sec-websocket-key")) &&
  request.getHeader("sec-websocket-version") === "13";

const urlOf = (request: HttpRequest): string => {
  // Undefined where there is no "?", whatever the types say.
  const query: string | undefined = request.getQuery();
  return query === undefined ? request.getUrl() : `${request.getUrl()}?${query}`;
};

const handshakeOf = (response: HttpResponse, request: HttpRequest): Handshake => {
  const headers: [string, string][] = [];
  request.forEach((name, value) => {
    // uWS reads UTF-8 where HTTP, and Node, have latin1.
    headers.push([name, Buffer.from(value).toString("latin1")]);
  });
  const text = textOf(response.getRemoteAddressAsText());
  // uWS writes out all of IPv6's zeros; Node makes its usual form of them.
  const address = isIPv6(text) ? new SocketAddress({ address: text, family: "ipv6" }).address : text;
  return createHandshake(urlOf(request), headers, address);
};

const refuse = (response: HttpResponse, { status, headers = {}, body = "" }: Refusal): void => {
  response.writeStatus(`${status} ${STATUS_CODES[status] ?? "Refused"}`);
  for (const [name, value] of Object.entries(headers)) {
    // uWS writes this one itself. A string it would send as UTF-8, where HTTP has latin1.
    if (name.toLowerCase() !== "content-length") response.writeHeader(name, Buffer.from(value, "latin1"));
  }
  response.end(body, true);
};

const textOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString();

// ---- Connection

// uWS copies its properties to the WebSocket object, which is what getUserData returns.
interface UserData {
  readonly handshake: Handshake;
  connection?: Connection;
}

// A socket that uWS has closed is still in the group while onError is told why.
const isOpen = (socket: WebSocket<unknown>): boolean =>
  (socket as WebSocket<UserData>).getUserData().connection?.isOpen === true;

// What send returns: https://unetworking.github.io/uWebSockets.js/generated/interfaces/WebSocket.html#send
const STATUS = ["queued", "sent", "dropped"] as const;

// uWS calls it 1006 with a reason of its own where the peer broke the rules of framing, was silent, or closed TCP, which
// the core does not take for an error: https://github.com/uNetworking/uWebSockets/blob/master/src/WebSocketProtocol.h
const TCP_FIN = "Received TCP FIN before WebSocket close frame";

const LONGEST_IDLE_S = 960;

// Seconds, looser than the core's heartbeat, which gives a peer up after 3 intervals. There is no going without: a socket
// that was ended while bytes were waiting, and whose peer leaves TCP open, is freed by nothing else. From 1 to 7 and
// above 960 uWS ends the process: https://github.com/uNetworking/uWebSockets/blob/master/src/App.h
const idleTimeoutOf = (heartbeatMs: number): number =>
  heartbeatMs === 0 ? LONGEST_IDLE_S : Math.min(8 + Math.ceil((4 * heartbeatMs) / 1000), LONGEST_IDLE_S);

const behavior = (
  { maxPayload, heartbeatIntervalMs, compression }: Bound,
  acceptor: Acceptor<WebSocket<unknown>>,
): WebSocketBehavior<UserData> => {
  const idleTimeout = idleTimeoutOf(heartbeatIntervalMs);
  const open = new Set<WebSocket<UserData>>();
  // One of them.
  let other: WebSocket<UserData> | undefined;
  let opened: WebSocket<UserData> | undefined;
  // Behind its callback cork() reads the state of the response, which after upgrade() is memory that was freed, and ends one
  // in thousands of sockets for what it finds there. Where another socket is corked it leaves that out; alone, as little as
  // possible happens meanwhile: https://github.com/uNetworking/uWebSockets/blob/master/src/HttpResponse.h
  const corkUpgrade = (response: HttpResponse, upgrade: () => void): void => {
    if (other === undefined) response.cork(upgrade);
    else other.cork(() => response.cork(upgrade));
  };
  return {
    compression,
    // Looser than the core's own limit, so that the core says 1009; uWS refuses what is far above it at its header.
    maxPayloadLength: Math.min(maxPayload * 2, 2 ** 31 - 1),
    // None: the core has one, and above its own uWS drops messages, and all that is buffered at the close.
    maxBackpressure: 0,
    idleTimeout,
    // Where the core pings rarely or never, these keep a client that is only quiet.
    sendPingsAutomatically: idleTimeout === LONGEST_IDLE_S,
    upgrade: async (response, request, context) => {
      // After the first await the request is gone.
      const handshake = handshakeOf(response, request);
      if (!acceptor.serves(handshake.url) || !asksForUpgrade(request, handshake)) {
        request.setYield(true);
        return;
      }
      if (!isWellFormed(request)) {
        refuse(response, BAD_REQUEST);
        return;
      }
      const key = request.getHeader("sec-websocket-key");
      const extensions = compression === 0 ? "" : request.getHeader("sec-websocket-extensions");
      let aborted = false;
      response.onAborted(() => {
        aborted = true;
      });
      const decision = acceptor.admit(handshake);
      const admission = await decision;
      // Not while uWS reads another request, which may have settled it: it takes what is upgraded then for that request's own
      // socket, and ends the process.
      if (decision instanceof Promise) await turn();
      if (aborted) return;
      if (!("accepted" in admission)) {
        response.cork(() => refuse(response, admission));
        return;
      }
      corkUpgrade(response, () => {
        response.upgrade<UserData>({ handshake }, key, admission.protocol ?? "", extensions, context);
      });
      const webSocket = opened;
      opened = undefined;
      if (webSocket === undefined) return;
      const userData = webSocket.getUserData();
      userData.connection = new Connection(webSocket, compression !== 0);
      userData.connection.handler = acceptor.accept(userData.connection, userData.handshake);
    },
    open: (webSocket) => {
      opened = webSocket;
      other = webSocket;
      open.add(webSocket);
    },
    message: (webSocket, data, isBinary) => {
      // The memory is uWS' own, and lent: https://github.com/uNetworking/uWebSockets.js/blob/master/docs/index.d.ts
      webSocket.getUserData().connection?.handler?.message(isBinary ? new Uint8Array(data) : textOf(data));
    },
    // Which uWS answers: https://github.com/uNetworking/uWebSockets/blob/master/src/WebSocketContext.h
    ping: (webSocket, message) => webSocket.getUserData().connection?.pinged(message.byteLength),
    pong: (webSocket) => webSocket.getUserData().connection?.handler?.pong(),
    drain: (webSocket) => {
      const { connection } = webSocket.getUserData();
      if (connection?.end === undefined) connection?.drain();
      else if (webSocket.getBufferedAmount() === 0) connection.end();
    },
    close: (webSocket, code, message) => {
      open.delete(webSocket);
      if (webSocket === other) [other] = open;
      if (webSocket === opened) opened = undefined;
      const { connection } = webSocket.getUserData();
      if (connection === undefined) return;
      connection.isOpen = false;
      const reason = textOf(message);
      const isVanished = code === 1006;
      if (isVanished && reason !== "" && reason !== TCP_FIN) connection.handler?.error(new Error(reason));
      // 0: the user called end() without a code.
      connection.handler?.close(code === 0 ? 1005 : code, isVanished ? "" : reason);
    },
  };
};

const encoder = new TextEncoder();

// Not a literal of closures: they would cost every connection 400 bytes.
class Connection implements Socket<WebSocket<unknown>> {
  handler: SocketHandler | undefined;
  /** Every method of a closed WebSocket throws. */
  isOpen = true;
  /** The close that waits for the buffer to drain. */
  end: (() => unknown) | undefined;
  readonly #compress: boolean;
  /** Messages may wait, and not only what the runtime sends by itself. */
  #hasSent = false;
  #settles = false;

  constructor(
    readonly raw: WebSocket<unknown>,
    compress: boolean,
  ) {
    this.#compress = compress;
  }

  get bufferedAmount(): number {
    return this.isOpen ? this.raw.getBufferedAmount() : 0;
  }

  send(bytes: Uint8Array): SendStatus {
    if (!this.isOpen) return "dropped";
    this.#hasSent = true;
    return STATUS[this.raw.send(bytes, true, this.#compress)] ?? "dropped";
  }

  pinged(byteLength: number): void {
    // Later: what this callback has sent uWS collects until its end, and does not count among what waits.
    if (this.#hasSent && !this.#settles) {
      this.#settles = true;
      setImmediate(() => this.#settle());
    }
    this.handler?.pinged(byteLength);
  }

  /** Bytes that had waited went. */
  drain(): void {
    // What a callback sends uWS writes at its end: it was "sent", and may have had to wait since then.
    if (this.#hasSent) this.handler?.queued();
    this.#hasSent = false;
    this.handler?.drain();
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    // It calls close() before it returns, and after it there is no terminating a peer that does not read: so not while
    // bytes are waiting.
    // As bytes: of a string uWS writes lone surrogates as they are, which is no UTF-8.
    const end = (): unknown => this.raw.end(code, encoder.encode(reason));
    if (this.bufferedAmount === 0) end();
    else this.end = end;
  }

  terminate(): void {
    if (this.isOpen) this.raw.close();
  }

  ping(): void {
    if (!this.isOpen) return;
    this.#settle();
    this.raw.ping();
  }

  #settle(): void {
    this.#settles = false;
    if (this.bufferedAmount === 0) this.#hasSent = false;
  }
}
