// A process of its own: connections that ask for an echo all the time, and how long each answer took.
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { Wire } from "@ezez-ws/conformance";
import { CANARY_URL } from "./program/protocol.js";

export type CanaryRequest = { readonly id: number } & (
  | { readonly watch: number }
  | { readonly report: number }
  | { readonly leave: number }
);

/** `worst`: the longest that an answer took, without what the machine itself took for the same at that time. */
export type CanaryAnswer = { readonly id: number; readonly canary?: number; readonly worst?: number; readonly error?: string };

const PAUSE_MS = 20;

interface Span {
  readonly from: number;
  readonly to: number;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ---- The machine: a peer in a thread of its own that does nothing but answer. What it takes, no server can be blamed for.

const machine: Span[] = [];

const watchMachine = async (): Promise<void> => {
  const source = `
    const { createServer } = require("node:net");
    const { parentPort } = require("node:worker_threads");
    const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
    server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;
  const echo = new Worker(source, { eval: true });
  const port = await new Promise<number>((resolve) => echo.once("message", resolve));
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  for (;;) {
    const from = performance.now();
    socket.write(".");
    await new Promise((resolve) => socket.once("data", resolve));
    machine.push({ from, to: performance.now() });
    if (machine.length > 20_000) machine.splice(0, 10_000);
    await pause(PAUSE_MS / 2);
  }
};

/** The time that the machine took at most for an answer while another was waited for. */
const machineTook = ({ from, to }: Span): number => {
  let took = 0;
  for (let at = machine.length - 1; at >= 0; at--) {
    const span = machine[at] as Span;
    if (span.to < from) break;
    if (span.from <= to) took = Math.max(took, span.to - span.from);
  }
  return took;
};

// ---- Canaries

class Canary {
  #worst = 0;
  #asked: number | undefined;
  #failure: unknown;
  #stopped = false;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
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

  leave(): void {
    this.#stopped = true;
    this.#wire.destroy();
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      this.#asked = performance.now();
      this.#wire.event("echo");
      while ((await this.#wire.next(60_000))[0] !== "echo");
      this.#took(this.#asked);
      this.#asked = undefined;
      await pause(PAUSE_MS);
    }
  }

  #took(from: number): void {
    const span = { from, to: performance.now() };
    this.#worst = Math.max(this.#worst, span.to - span.from - machineTook(span));
  }
}

const canaries: Canary[] = [];

const answerTo = async (request: CanaryRequest): Promise<Omit<CanaryAnswer, "id">> => {
  if ("watch" in request) {
    const wire = await Wire.authenticated(request.watch, { path: CANARY_URL });
    return { canary: canaries.push(new Canary(wire)) - 1 };
  }
  if ("report" in request) return { worst: canaries[request.report]?.report() ?? 0 };
  canaries[request.leave]?.leave();
  return {};
};

process.on("message", (request: CanaryRequest) => {
  answerTo(request)
    .catch((error) => ({ error: String(error) }))
    .then((answer) => process.send?.({ id: request.id, ...answer }));
});
process.on("disconnect", () => process.exit());

void watchMachine();
