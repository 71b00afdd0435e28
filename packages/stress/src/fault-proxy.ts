import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "@ezez-ws/conformance";
import { reset } from "./reset.js";

const DELAYED = 0.01;
const DELAY_MS = [1, 40] as const;

/** A TCP proxy that delays a share of the chunks, and breaks connections when it is told to. */
export class FaultProxy {
  /** The port to connect to on the other side; without one, connections are refused. */
  target: number | undefined;
  readonly #random: Random;
  readonly #server: Server;
  readonly #links = new Set<Link>();

  private constructor(random: Random) {
    this.#random = random;
    this.#server = createServer((near) => this.#open(near));
  }

  static async start(random: Random): Promise<FaultProxy> {
    const proxy = new FaultProxy(random);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get delayedChunks(): number {
    return this.#delayed;
  }

  #delayed = 0;

  /** Resets one of the connections, on both sides, in the middle of what it carries next. */
  cutOne(): void {
    this.#one()?.cut();
  }

  /** One of the connections carries nothing any more, and neither side is told. */
  swallowOne(): void {
    this.#one()?.swallow();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const link of this.#links) link.destroy();
    await once(this.#server, "close");
  }

  #one(): Link | undefined {
    const whole = [...this.#links].filter((link) => link.isWhole);
    return whole[this.#random.below(whole.length)];
  }

  #open(near: Socket): void {
    if (this.target === undefined) {
      reset(near);
      return;
    }
    const link = new Link(near, connect({ port: this.target, host: "127.0.0.1", noDelay: true }), () => this.#delay());
    this.#links.add(link);
    void link.ended.then(() => this.#links.delete(link));
  }

  #delay(): number {
    if (!this.#random.chance(DELAYED)) return 0;
    this.#delayed++;
    return this.#random.between(...DELAY_MS);
  }
}

/** One connection and its continuation. */
class Link {
  readonly ended: Promise<unknown>;
  readonly #sides: readonly [Socket, Socket];
  #fault: "cut" | "swallow" | undefined;

  constructor(near: Socket, far: Socket, delay: () => number) {
    this.#sides = [near, far];
    near.setNoDelay(true);
    this.#carry(near, far, delay);
    this.#carry(far, near, delay);
    this.ended = Promise.all(this.#sides.map((side) => new Promise((resolve) => side.once("close", resolve))));
  }

  get isWhole(): boolean {
    return this.#fault === undefined && this.#sides.every((side) => side.readyState === "open");
  }

  cut(): void {
    this.#fault = "cut";
  }

  swallow(): void {
    this.#fault = "swallow";
  }

  destroy(): void {
    for (const side of this.#sides) side.destroy();
  }

  #carry(from: Socket, to: Socket, delay: () => number): void {
    // One that is late holds up those behind it.
    let order = Promise.resolve();
    let waiting = 0;
    const inOrder = (deliver: () => void, milliseconds: number): void => {
      if (milliseconds === 0 && waiting === 0) {
        deliver();
        return;
      }
      waiting++;
      order = order
        .then(() => new Promise((resolve) => setTimeout(resolve, milliseconds)))
        .then(() => {
          waiting--;
          deliver();
        });
    };
    from.on("data", (chunk: Buffer) => inOrder(() => this.#deliver(chunk, to), delay()));
    from.on("end", () => inOrder(() => this.#fault !== "swallow" && to.end(), 0));
    // A reset is passed on as one.
    from.on("error", () => {
      if (this.#fault !== "swallow") reset(to);
    });
    from.on("close", () => {
      if (this.#fault !== "swallow") inOrder(() => to.destroySoon(), 0);
    });
  }

  #deliver(chunk: Buffer, to: Socket): void {
    if (this.#fault === "swallow" || to.destroyed) return;
    if (this.#fault === undefined) {
      to.write(chunk);
      return;
    }
    to.write(chunk.subarray(0, chunk.length / 2), () => {
      for (const side of this.#sides) reset(side);
    });
  }
}
