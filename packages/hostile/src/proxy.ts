import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

type Direction = "up" | "down";

/** Stands between peers and a server, and does to their bytes what a bad network does. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes in these directions vanish. */
  readonly #dropped = new Set<Direction>();
  #delayMs = 0;
  #trickle = Infinity;

  private constructor(server: Server, target: number) {
    this.#server = server;
    server.on("connection", (peer) => {
      const upstream = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
      this.#link(peer, upstream, "up");
      this.#link(upstream, peer, "down");
    });
  }

  static async start(target: number): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new Proxy(server, target);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From here on nothing arrives, either way, and nobody is told. */
  blackHole(): void {
    this.#dropped.add("up").add("down");
  }

  /** What arrives, arrives so much later. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** What goes up goes in pieces of so many bytes, one each millisecond. */
  trickle(bytes: number): void {
    this.#trickle = bytes;
  }

  /** Reads from nobody, so that what is sent stays with its sender. */
  pause(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  /** Resets all connections. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #link(from: Socket, to: Socket, direction: Direction): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => undefined);
    from.on("data", (chunk: Buffer) => {
      if (!this.#dropped.has(direction)) this.#later(() => this.#write(to, chunk, direction));
    });
    from.on("end", () => {
      if (!this.#dropped.has(direction)) this.#later(() => to.end());
    });
    from.on("close", () => {
      this.#sockets.delete(from);
      if (this.#dropped.has(direction)) return;
      if (from.errored) to.resetAndDestroy();
      else this.#later(() => to.destroySoon());
    });
  }

  #later(run: () => void): void {
    if (this.#delayMs === 0) run();
    else setTimeout(run, this.#delayMs);
  }

  #write(to: Socket, chunk: Buffer, direction: Direction): void {
    if (direction === "down" || chunk.length <= this.#trickle) to.write(chunk);
    else {
      to.write(chunk.subarray(0, this.#trickle));
      setTimeout(() => this.#write(to, chunk.subarray(this.#trickle), direction), 1);
    }
  }
}
