import uWS, { type TemplatedApp, type us_listen_socket } from "uWebSockets.js";
import type { EZEZError } from "@ezez-ws/core";
import { onTestFinished } from "vitest";
import { Wire, type WireOptions } from "../../conformance/src/wire.js";
import { EZEZWebsocketServer, type UwsOptions } from "../src/index.js";

export type Events = { a: [Uint8Array] };
export type Server = EZEZWebsocketServer<Events>;
type Parameters = ConstructorParameters<typeof EZEZWebsocketServer<Events>>;

/** A server, and what it told its callbacks; closed after the test. */
export const create = (options: UwsOptions & Parameters[0], callbacks: Partial<Parameters[1]> = {}) => {
  const disconnects: [code: number, reason: string][] = [];
  const errors: EZEZError[] = [];
  const server = new EZEZWebsocketServer<Events>(options, {
    onAuthRequest: () => true,
    onDisconnect: (_client, code, reason) => void disconnects.push([code, reason]),
    onError: (_client, error) => void errors.push(error),
    ...callbacks,
  });
  onTestFinished(() => server.close({ timeoutMs: 100 }));
  return { server, disconnects, errors };
};

export const start = async (options: Partial<Parameters[0]> = {}, callbacks?: Partial<Parameters[1]>) => {
  const running = create({ port: 0, host: "127.0.0.1", ...options }, callbacks);
  await running.server.start();
  return { ...running, port: portOf(running.server) };
};

export const portOf = (server: Server): number => {
  const address = server.address();
  if (address === null) throw new Error("the server has no address");
  return address.port;
};

/** Given up after the test. */
export const open = async (port: number, options?: WireOptions): Promise<Wire> => {
  const wire = await Wire.authenticated(port, options);
  onTestFinished(() => wire.destroy());
  return wire;
};

/** Listens with an app of the user's; given up after the test. */
export const listenWith = (app: TemplatedApp, host = "127.0.0.1"): number => {
  let token: us_listen_socket | false = false;
  app.listen(host, 0, (result) => {
    token = result;
  });
  if (token === false) throw new Error("could not listen");
  onTestFinished(() => void app.close());
  return uWS.us_socket_local_port(token);
};
