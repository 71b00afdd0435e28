// A process of its own: connections that ask for an echo all the time, and how long each answer took.
import { readFileSync } from "node:fs";
import { Wire } from "@ezez-ws/conformance";
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

// ---- The machine: how long a process was ready to run and another one ran instead. No server can be blamed for that.

/** https://docs.kernel.org/scheduler/sched-stats.html; 0 where the system does not tell. */
const hasWaitedForCpu = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
};

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
    return hasWaitedForCpu(this.#server) + hasWaitedForCpu(process.pid);
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
