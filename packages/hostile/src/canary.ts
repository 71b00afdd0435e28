// A process of its own: connections that ask for an echo all the time, and how long each answer took. No server can be blamed
// for the time in which either of the two was ready to run and another process ran instead.
import { Wire } from "@ezez-ws/conformance";
import { waitedForCpu } from "./machine.js";
import { CANARY_URL } from "./program/protocol.js";

export type CanaryQuestion =
  | { readonly watch: { readonly port: number; readonly pid: number } }
  | { readonly report: number }
  | { readonly leave: number };

export type CanaryRequest = { readonly id: number } & CanaryQuestion;

/** `worst`: the longest that an answer took, without the time in which the machine ran others. */
export type CanaryAnswer = {
  readonly id: number;
  readonly canary?: number;
  readonly worst?: number;
  readonly error?: string;
};

const PAUSE_MS = 20;

/** The beginning of a wait. */
interface Asked {
  readonly at: number;
  readonly waitedForCpu: number;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ---- Canaries

class Canary {
  #worst = 0;
  #asked: Asked | undefined;
  #failure: unknown;
  #stopped = false;
  readonly #wire: Wire;
  readonly #server: number;

  constructor(wire: Wire, server: number) {
    this.#wire = wire;
    this.#server = server;
    this.#ask().catch((error) => {
      this.#failure = error;
    });
  }

  report(): number {
    if (this.#failure !== undefined) throw this.#failure;
    // One that is still waited for counts as far as it goes.
    if (this.#asked !== undefined) this.#took(this.#asked);
    return this.#worst;
  }

  async leave(): Promise<void> {
    this.#stopped = true;
    this.#wire.close(1000);
    await this.#wire.closed(2000).catch(() => undefined);
    this.#wire.destroy();
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      this.#asked = { at: performance.now(), waitedForCpu: this.#waitedForCpu };
      this.#wire.event("echo");
      while ((await this.#wire.next(60_000))[0] !== "echo");
      this.#took(this.#asked);
      this.#asked = undefined;
      await pause(PAUSE_MS);
    }
  }

  #took({ at, waitedForCpu }: Asked): void {
    const took = performance.now() - at;
    this.#worst = Math.max(this.#worst, took - (this.#waitedForCpu - waitedForCpu));
  }

  get #waitedForCpu(): number {
    return waitedForCpu(this.#server) + waitedForCpu(process.pid);
  }
}

const canaries: Canary[] = [];

const answerTo = async (request: CanaryRequest): Promise<Omit<CanaryAnswer, "id">> => {
  if ("watch" in request) {
    const { port, pid } = request.watch;
    const wire = await Wire.authenticated(port, { path: CANARY_URL });
    return { canary: canaries.push(new Canary(wire, pid)) - 1 };
  }
  if ("report" in request) return { worst: canaries[request.report]?.report() ?? 0 };
  await canaries[request.leave]?.leave();
  return {};
};

process.on("message", (request: CanaryRequest) => {
  answerTo(request)
    .catch((error) => ({ error: String(error) }))
    .then((answer) => process.send?.({ id: request.id, ...answer }));
});
process.on("disconnect", () => process.exit());
