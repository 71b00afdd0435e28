import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Callbacks, EZEZWebsocketServer, type WsOptions } from "@ezez-ws/adapter-ws";
import type { CommonOptions, EZEZError } from "@ezez-ws/core";
import type { WebSocket } from "ws";

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

export const get = (path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
