import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Stands between peers and a server, and does to their bytes what a bad network does. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #swallows = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    server.on("connection", (peer) => {
      const upstream = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
      this.#link(peer, upstream);
      this.#link(upstream, peer);
    });
  }

  static async start(target: number): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true });
    const relay = new Relay(server, target);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From here on nothing arrives, either way, and nobody is told. */
  blackHole(): void {
    this.#swallows = true;
  }

  /** What arrives from here on is passed on again. */
  heal(): void {
    this.#swallows = false;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #link(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => undefined);
    const pass = (run: () => void): void => {
      if (!this.#swallows) run();
    };
    from.on("data", (chunk: Buffer) => pass(() => to.write(chunk)));
    from.on("end", () => pass(() => to.end()));
    from.on("close", () => {
      this.#sockets.delete(from);
      pass(() => (from.errored ? to.resetAndDestroy() : to.destroySoon()));
    });
  }
}
