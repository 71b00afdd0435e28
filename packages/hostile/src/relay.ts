import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

type Direction = "up" | "down";

/** Stands between peers and a server, and does to their bytes what a bad network does. */
export class Relay {
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
    // In order, however long each takes.
    let before = Promise.resolve();
    const pass = (run: () => Promise<void> | void): void => {
      const arrival = this.#delayMs === 0 ? undefined : pause(this.#delayMs);
      before = before.then(() => arrival).then(() => (this.#dropped.has(direction) ? undefined : run()));
    };
    from.on("data", (chunk: Buffer) => pass(() => this.#write(to, chunk, direction)));
    from.on("end", () => pass(() => void to.end()));
    from.on("close", () => {
      this.#sockets.delete(from);
      pass(() => void (from.errored ? to.resetAndDestroy() : to.destroySoon()));
    });
  }

  async #write(to: Socket, chunk: Buffer, direction: Direction): Promise<void> {
    const piece = direction === "down" ? Infinity : this.#trickle;
    for (let at = 0; at < chunk.length; at += piece) {
      if (at > 0) await pause(1);
      to.write(chunk.subarray(at, at + piece));
    }
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
