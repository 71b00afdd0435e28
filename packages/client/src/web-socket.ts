import { bytesOf, CloseCode, isBinary, type SocketHandler } from "@ezez-ws/core";

/** What is read of any event of a WebSocket; each kind has some of it. */
export interface WebSocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly error?: unknown;
  readonly message?: string;
  readonly code?: number;
  readonly reason?: string;
}

/** The part of the WHATWG `WebSocket` that the client uses: a browser's, Bun's, Deno's, and that of `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly protocol: string;
  readonly url: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
  removeEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
}

/** A `WebSocket` class. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols: string | string[] | undefined,
  extra: never,
) => WebSocketLike;

/** What a connection asks of its WebSocket. */
export interface ClientSocket {
  readonly raw: WebSocketLike;
  readonly isOpen: boolean;
  /** Not in a browser. */
  readonly canTerminate: boolean;
  /** Text, or bytes that are lent for this call only; false where it is not open. */
  send(data: string | Uint8Array): boolean;
  close(code: number, reason: string): void;
  terminate(): void;
  /** Left out where it cannot. */
  ping?(): void;
}

/** {@link SocketHandler}, and what only a client hears. */
export interface ClientSocketHandler extends Omit<SocketHandler, "queued" | "drain" | "pinged"> {
  open(): void;
  /** Something that is neither text nor binary. */
  unknownData(data: unknown): void;
}

// What ws has beyond the standard.
interface NodeWebSocket {
  on(type: "ping" | "pong", listener: () => void): void;
  ping(): void;
  terminate(): void;
}

const OPEN = 1;
const CLOSED = 3;
const CLOSING_HANDSHAKE_MS = 2000;

/** Binds a WHATWG WebSocket to a connection. */
export const bindWebSocket = (webSocket: WebSocketLike, handler: ClientSocketHandler): ClientSocket => {
  // A Blob could be read only asynchronously, and would lose its place among the messages.
  webSocket.binaryType = "arraybuffer";
  const extra = webSocket as WebSocketLike & Partial<NodeWebSocket>;
  let deadline: ReturnType<typeof setTimeout> | undefined;

  webSocket.addEventListener("open", () => handler.open());
  webSocket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") handler.message(data);
    else if (isBinary(data)) handler.message(bytesOf(data));
    else handler.unknownData(data);
  });
  // ws puts the cause into its event, Deno a message alone, a browser nothing.
  webSocket.addEventListener("error", ({ error, message }) =>
    handler.error(error ?? (message ? new Error(message) : undefined)),
  );
  webSocket.addEventListener("close", ({ code = CloseCode.noStatus, reason = "" }) => {
    clearTimeout(deadline);
    handler.close(code, reason);
  });

  const isOpen = (): boolean => webSocket.readyState === OPEN;
  const socket: ClientSocket = {
    raw: webSocket,
    get isOpen() {
      return isOpen();
    },
    canTerminate: extra.terminate !== undefined,
    send: (data) => {
      if (!isOpen()) return false;
      // What ws compresses it keeps. The codec never makes a SharedArrayBuffer.
      webSocket.send(data.slice() as string | Uint8Array<ArrayBuffer>);
      return true;
    },
    close: (code, reason) => {
      if (webSocket.readyState === CLOSED) return;
      // ws would wait for the peer for 30 s, and keep the process for as long.
      if (extra.terminate !== undefined) deadline = setTimeout(() => extra.terminate?.(), CLOSING_HANDSHAKE_MS);
      try {
        webSocket.close(code, reason);
      } catch {
        // Scripts may close with 1000 and 3000-4999 only, so 1002 becomes 4002: https://websockets.spec.whatwg.org/#dom-websocket-close
        webSocket.close(code + 3000, reason);
      }
    },
    terminate: () => (extra.terminate === undefined ? webSocket.close() : extra.terminate()),
  };
  if (extra.on === undefined || extra.ping === undefined) return socket;

  extra.on("ping", () => handler.pong());
  extra.on("pong", () => handler.pong());
  // ws throws while it connects.
  return Object.assign(socket, { ping: () => isOpen() && extra.ping?.() });
};
