import type { us_listen_socket } from "uWebSockets.js";
import { createServer } from "node:http";
import type { Server } from "./lab.js";

/** A server of the user's, which answers "the user's" to what is no upgrade, and serves ours on `/ws`. */
export interface UsersServer {
  readonly ours: Server;
  readonly port: number;
  /** How many listeners of ours are on it, where it has any. */
  listeners(): number;
  end(): void;
}

type Create = (options: object) => Server;

const HOST = "127.0.0.1";
const PATH = "/ws";
const TEXT = "the user's";

const onHttp = async (create: Create): Promise<UsersServer> => {
  const server = createServer((_request, response) => response.end(TEXT));
  const ours = create({ server, path: PATH });
  await ours.start();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as { port: number };
  return { ours, port, listeners: () => server.listenerCount("upgrade"), end: () => server.close() };
};

const onApp = async (create: Create): Promise<UsersServer> => {
  const { App, us_listen_socket_close, us_socket_local_port } = (await import("uWebSockets.js")).default;
  const app = App();
  const ours = create({ app, path: PATH });
  await ours.start();
  app.any("/*", (response) => void response.end(TEXT));
  const token = await new Promise<us_listen_socket>((resolve, reject) => {
    app.listen(HOST, 0, (token) => (token === false ? reject(new Error("could not listen")) : resolve(token)));
  });
  const port = us_socket_local_port(token);
  return { ours, port, listeners: () => 0, end: () => us_listen_socket_close(token) };
};

type Upgrade = (request: Request, server: unknown) => Promise<Response | undefined>;

const isUpgrade = ({ headers }: Request): boolean => headers.get("upgrade") !== null;

const onBun = async (create: Create): Promise<UsersServer> => {
  const { Bun } = globalThis as unknown as { Bun: { serve(options: object): { port: number; stop(): unknown } } };
  const ours = create({ path: PATH }) as Server & { websocket: object; upgrade: Upgrade };
  await ours.start();
  const server = Bun.serve({
    port: 0,
    hostname: HOST,
    websocket: ours.websocket,
    fetch: (request: Request, server: unknown) =>
      isUpgrade(request) ? ours.upgrade(request, server) : new Response(TEXT),
  });
  return { ours, port: server.port, listeners: () => 0, end: () => void server.stop() };
};

interface DenoServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}

const onDeno = async (create: Create): Promise<UsersServer> => {
  const { Deno } = globalThis as unknown as {
    Deno: { serve(options: object, handler: (request: Request, info: unknown) => unknown): DenoServer };
  };
  const ours = create({ path: PATH }) as Server & { upgrade: Upgrade };
  await ours.start();
  const server = Deno.serve({ port: 0, hostname: HOST, onListen: () => undefined }, (request, info) =>
    isUpgrade(request) ? ours.upgrade(request, info) : new Response(TEXT),
  );
  return { ours, port: server.addr.port, listeners: () => 0, end: () => void server.shutdown() };
};

const BY_PROGRAM: Readonly<Record<string, (create: Create) => Promise<UsersServer>>> = {
  ws: onHttp,
  uws: onApp,
  bun: onBun,
  deno: onDeno,
};

/** Starts one, as this runtime has them. */
export const usersServer = (program: string, create: Create): Promise<UsersServer> => {
  const start = BY_PROGRAM[program];
  if (start === undefined) throw new Error(`no server of the user's for ${program}`);
  return start(create);
};
