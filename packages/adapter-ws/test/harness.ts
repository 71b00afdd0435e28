import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { type Callbacks, EZEZWebsocketServer, type WsOptions } from "@ezez-ws/adapter-ws";
import type { CommonOptions, EZEZError } from "@ezez-ws/core";
import type { WebSocket } from "ws";

/** Bun puts a `ws` of its own in the place of the package. */
export const onBun = "Bun" in globalThis;

/** For the name of a test that is skipped there. */
export const notOnBun = (why: string): string => (onBun ? ` (skipped on Bun: ${why})` : "");

export type Events = { ask: [text: string]; answer: [text: string] };
export type EchoServer = EZEZWebsocketServer<Events>;

/** A server that answers "ask" with "answer", and keeps what it was told. */
export const echoServer = (
  options: WsOptions & CommonOptions,
  callbacks: Partial<Callbacks<Events, Events, Record<string, never>, WebSocket>> = {},
) => {
  const errors: EZEZError[] = [];
  const closes: number[] = [];
  const server: EchoServer = new EZEZWebsocketServer<Events>(options, {
    onAuthRequest: () => true,
    onMessage: (_client, eventName, args, reply) => {
      if (eventName === "ask") reply("answer", args);
    },
    onDisconnect: (_client, code) => closes.push(code),
    onError: (_client, error) => errors.push(error),
    ...callbacks,
  });
  return { server, errors, closes };
};

/** An HTTP server of the user's, which answers requests with "theirs". */
export const theirServer = async (): Promise<{ http: Server; port: number }> => {
  const http = createServer((_request, response) => response.end("theirs"));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return { http, port: (http.address() as AddressInfo).port };
};

/** Serves upgrades of the user's server through a stream of the user's around each network socket. */
export const upgradeThroughStream = (http: Server, server: EchoServer, saw?: (written: Buffer) => void): void => {
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const wrapper = new Duplex({
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        saw?.(chunk);
        socket.write(chunk, done);
      },
      final: (done) => void socket.end(done),
    });
    socket.on("data", (chunk) => wrapper.push(chunk));
    socket.on("end", () => wrapper.push(null));
    socket.on("error", (error) => wrapper.destroy(error));
    server.handleUpgrade(request, wrapper, head);
  });
};

export const get = (path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
