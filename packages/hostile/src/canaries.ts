import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { within } from "@ezez-ws/conformance";
import type { CanaryAnswer, CanaryQuestion, CanaryRequest } from "./canary.js";

/** The canaries of all servers of a row, in a process that has nothing else to do. */
export class Canaries {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: CanaryAnswer) => void>();
  #lastId = 0;

  constructor() {
    const execArgv = ["--import", "tsx"];
    this.#child = fork(fileURLToPath(new URL("./canary.ts", import.meta.url)), { execArgv });
    this.#child.on("message", (answer: CanaryAnswer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** An authenticated connection that asks for an echo all the time; gives its number. */
  async watch(port: number, pid: number): Promise<number> {
    return (await this.#ask({ watch: { port, pid } })).canary ?? 0;
  }

  /** The longest that it waited for an answer, in milliseconds. Rejects where it lost its connection. */
  async report(canary: number): Promise<number> {
    return (await this.#ask({ report: canary })).worst ?? 0;
  }

  async leave(canary: number): Promise<void> {
    await this.#ask({ leave: canary });
  }

  stop(): void {
    this.#child.disconnect();
  }

  async #ask(question: CanaryQuestion): Promise<CanaryAnswer> {
    const id = ++this.#lastId;
    const answer = new Promise<CanaryAnswer>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ id, ...question } satisfies CanaryRequest);
    const given = await within(answer, "the canary", 20_000);
    if (given.error !== undefined) throw new Error(`the canary: ${given.error}`);
    return given;
  }
}
