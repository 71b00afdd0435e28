import {
  type Acceptor,
  createHandshake,
  EZEZServer,
  type Handshake,
  integer,
  type Listener,
  type Refusal,
  type ResolvedOptions,
  resolve,
  type Socket,
  type SocketHandler,
} from "@ezez-ws/core";
import type { Context, CreateServer, Events } from "../row.js";
import { acceptOf } from "../wire.js";
import { type Head, HeadReader, response } from "./http.js";
import { MemoryStream } from "./stream.js";
import { MemoryWebSocket } from "./web-socket.js";

const ADDRESS = "127.0.0.1";

const rules = {
  port: integer(undefined, 0, 65_535),
  host: {
    standard: undefined,
    text: "a name or an address",
    valid: (host: unknown) => typeof host === "string" && host !== "",
  },
};

/** The ports of this process, which no other sees, and who listens there. */
const ports = new Map<number, (stream: MemoryStream) => void>();
let lastPort = 0;

/** A peer's end of a connection to one of them. */
export const connectInMemory = (port: number): MemoryStream => {
  const accept = ports.get(port);
  if (accept === undefined) return MemoryStream.refused();
  const [theirs, ours] = MemoryStream.pair();
  accept(ours);
  return theirs;
};

/** The core on no runtime at all: a small WebSocket server over streams in memory. */
export const createInMemory =
  (closesSynchronously: boolean): CreateServer =>
  (options, callbacks) => {
    resolve(rules, options);
    return new EZEZServer<Events, Events, Context, MemoryWebSocket>(
      { defaultContext: {}, ...options },
      callbacks,
      (acceptor, { maxPayload }) => bind(acceptor, { port: options.port, maxPayload }, closesSynchronously),
    );
  };

const bind = (
  acceptor: Acceptor<MemoryWebSocket>,
  options: Pick<ResolvedOptions, "maxPayload"> & { port: number },
  closesSynchronously: boolean,
): Listener<MemoryWebSocket> => {
  let port: number | undefined;
  // Not upgraded yet, or never.
  const requests = new Set<MemoryStream>();
  const members = new Set<MemoryWebSocket>();

  const upgrade = async (stream: MemoryStream, handshake: Handshake, behindHead: Buffer): Promise<void> => {
    const admission = await acceptor.admit(handshake);
    if (stream.destroyed) return;
    if (!("accepted" in admission)) {
      refuse(stream, admission);
      return;
    }
    requests.delete(stream);
    const { protocol } = admission;
    const headers = {
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Accept": acceptOf(handshake.headers.get("sec-websocket-key") ?? ""),
      ...(protocol === undefined ? {} : { "Sec-WebSocket-Protocol": protocol }),
    };
    stream.write(response({ status: 101, headers }));
    // Looser than the core's own limit, as adapters have it.
    const limits = { maxPayload: 2 * options.maxPayload };
    const accept = (socket: Socket<MemoryWebSocket>): SocketHandler => acceptor.accept(socket, handshake);
    const webSocket = new MemoryWebSocket(stream, { ...limits, closesSynchronously }, accept);
    stream.on("close", () => members.delete(webSocket));
    webSocket.open(behindHead);
  };

  const answer = (stream: MemoryStream, { url, headers }: Head, behindHead: Buffer): void => {
    const handshake = createHandshake(url, headers, ADDRESS);
    const header = (name: string): string => handshake.headers.get(name) ?? "";
    const isGood = header("sec-websocket-version") === "13" && KEY.test(header("sec-websocket-key"));
    const isAsked = /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(header("connection"));
    if (!isAsked || header("upgrade").toLowerCase() !== "websocket") refuse(stream, acceptor.refuse(url));
    else if (!isGood) refuse(stream, { status: 400 });
    else void upgrade(stream, handshake, behindHead);
  };

  const serve = (stream: MemoryStream): void => {
    requests.add(stream);
    // What it tells, "close" tells too.
    stream.on("error", () => undefined);
    stream.on("close", () => requests.delete(stream));
    const reader = new HeadReader();
    const read = (chunk: Buffer): void => {
      const head = reader.push(chunk);
      if (head === undefined) return;
      stream.off("data", read).pause();
      if ("status" in head) refuse(stream, head);
      else answer(stream, head, reader.rest);
    };
    stream.on("data", read);
  };

  return {
    listen: async () => {
      const wanted = options.port === 0 ? ++lastPort : options.port;
      if (ports.has(wanted)) throw Object.assign(new Error("the port is in use"), { code: "EADDRINUSE" });
      port = wanted;
      ports.set(port, serve);
    },
    address: () => (port === undefined ? null : { address: ADDRESS, port }),
    stop: async () => {
      if (port !== undefined) ports.delete(port);
      port = undefined;
      for (const stream of requests) stream.destroy();
    },
    // On the one row, as on the runtimes that close synchronously; on the other the core hands a broadcast to each.
    group: closesSynchronously
      ? {
          add: (webSocket) => members.add(webSocket),
          delete: (webSocket) => members.delete(webSocket),
          send: (bytes) => {
            for (const webSocket of members) webSocket.send(bytes);
          },
        }
      : undefined,
  };
};

// 16 bytes in Base64.
const KEY = /^[A-Za-z0-9+/]{22}==$/;

const refuse = (stream: MemoryStream, refusal: Refusal): void => {
  stream.end(response({ ...refusal, headers: { ...refusal.headers, Connection: "close" } }));
  stream.resume();
};
