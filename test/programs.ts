import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { until } from "../packages/conformance/src/wait.js";

// Where Debian has servers, which only root's PATH names.
const PATH = `${process.env.PATH}:/usr/sbin`;

/** A program that a test runs beside itself. */
export class Program {
  readonly #child: ChildProcess;
  /** All that it has printed. */
  output = "";

  constructor(command: string, parameters: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, parameters, {
      env: { ...process.env, PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (data) => {
        this.output += data;
      });
    }
    this.#child.on("error", (error) => {
      this.output += error.message;
    });
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Waits until the condition holds; rejects with what the program printed where it ends before. */
  async until(holds: () => boolean, what: string): Promise<void> {
    await until(() => holds() || this.#hasEnded, what, 20_000);
    if (!holds()) throw new Error(`ended before ${what}:\n${this.output}`);
  }

  async end(): Promise<void> {
    if (this.#hasEnded) return;
    const exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await exit;
  }
}

/** Why a program cannot be run; undefined where it can. */
export const whyNot = (command: string, ...parameters: string[]): string | undefined => {
  const { error, status, stderr } = spawnSync(command, parameters, { encoding: "utf8", env: { ...process.env, PATH } });
  if (error !== undefined) return "code" in error && error.code === "ENOENT" ? `no ${command} here` : error.message;
  return status === 0 ? undefined : stderr.split("\n")[0];
};
