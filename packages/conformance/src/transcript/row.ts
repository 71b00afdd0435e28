import type { CreateServer, Server, ServerCallbacks, ServerOptions } from "../row.js";
import { MemoryServer, type MemoryVariant } from "../rows/memory.js";
import { Wire, type WireOptions } from "../wire.js";

/** What a transcript needs of a raw peer. */
export type RawPeer = Pick<
  Wire,
  "response" | "pings" | "isOpen" | "frame" | "close" | "nextFrame" | "closed" | "endTcp" | "reset" | "destroy"
>;

/** A started server, and the way to it. */
export interface Running {
  readonly server: Server;
  connect(options: WireOptions): RawPeer;
}

export type StartRow = (options: ServerOptions, callbacks: ServerCallbacks) => Promise<Running>;

/** A row whose peers come over TCP. */
export const overTcp =
  (create: CreateServer): StartRow =>
  async (options, callbacks) => {
    const server = create({ port: 0, host: "127.0.0.1", ...options }, callbacks);
    await server.start();
    const port = server.address()?.port;
    if (port === undefined) throw new Error("the server has no address");
    return { server, connect: (wireOptions) => new Wire(port, wireOptions) };
  };

/** The reference: no runtime's server at all. */
export const inMemory =
  (variant: MemoryVariant): StartRow =>
  async (options, callbacks) => {
    const server = new MemoryServer(variant, options, callbacks);
    await server.start();
    return { server, connect: (wireOptions) => server.connect(wireOptions) };
  };
