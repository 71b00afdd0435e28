import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DEADLINE_MS, within } from "@ezez-ws/conformance";
import { build } from "esbuild";
import { type Answer, MARK, type Request } from "./program/protocol.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
// Beside the package, so that the bundle finds its ws and its uWebSockets.js.
const BUNDLE = path("../.build/program.mjs");
// A runtime starts in a fraction of it, also on a machine that does other things.
const START_MS = 20_000;
const ANSWER_MS = 30_000;

/** Makes the one file that every runtime runs, of the packages' sources. */
export const buildProgram = async (): Promise<void> => {
  const packages = ["core", "adapter-ws", "adapter-uws", "adapter-bun", "adapter-deno", "client", "conformance"];
  await build({
    entryPoints: [path("./program/main.ts")],
    outfile: BUNDLE,
    alias: Object.fromEntries(packages.map((name) => [`@ezez-ws/${name}`, path(`../../${name}/src/index.ts`)])),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["ws", "uWebSockets.js", "bun"],
    banner: { js: 'import { createRequire as ours } from "node:module"; const require = ours(import.meta.url);' },
    logLevel: "warning",
  });
};

/** A process of the runtime under test, in which the functions of a case run. */
export class Program<TLab> {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  readonly #ready: Promise<unknown>;
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  #lastId = 0;
  /** What it printed, and its unhandled errors among it. */
  output = "";
  readonly unhandled: string[] = [];

  constructor(command: readonly string[], name: string, shell?: string) {
    const [file = "", ...parameters] = command;
    const all = [...parameters, BUNDLE, name];
    // With a prologue for the shell, such as a limit; exec, so that the process is the program's.
    this.#child =
      shell === undefined
        ? spawn(file, all, { stdio: "pipe" })
        : spawn("sh", ["-c", `${shell}; exec "$@"`, "sh", file, ...all], { stdio: "pipe" });
    let settle: (answer: Answer) => void = () => undefined;
    this.#ready = new Promise((resolve, reject) => {
      settle = (answer) => {
        if ("ready" in answer) resolve(answer.capabilities);
        else if ("obstacle" in answer) reject(new Error(answer.obstacle.split("\n")[0]));
      };
      this.#child.once("error", reject);
    });
    this.#ready.catch(() => undefined);
    this.#exited = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        for (const answer of this.#answers.values()) answer({ error: `the process has ended: ${code ?? signal}` });
        settle({ obstacle: `the process has ended: ${code ?? signal}\n${this.output}` });
        resolve(this.#exit);
      });
    });
    let text = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const at = line.indexOf(MARK);
        if (at === -1) this.output += `${line}\n`;
        else this.#hear(JSON.parse(line.slice(at + MARK.length)) as Answer, settle);
      }
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.output += chunk;
    });
    // A process that has ended closes its input.
    this.#child.stdin?.on("error", () => undefined);
  }

  /** What the program says of itself once it runs. Rejects where it cannot. */
  ready(): Promise<unknown> {
    return within(this.#ready, "the program to start", START_MS);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended. */
  get exit(): { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined {
    return this.#exit;
  }

  /** It lives. */
  get lives(): boolean {
    return this.#exit === undefined;
  }

  /**
   * Calls a function in the process. It is sent as source: what it uses has to come from its two parameters or be global.
   * Argument and result are JSON.
   */
  run<TResult, TArgument = undefined>(
    call: (lab: TLab, argument: TArgument) => TResult,
    ...[argument]: TArgument extends undefined ? [] : [argument: TArgument]
  ): Promise<Awaited<TResult>> {
    return this.runSource(call.toString(), argument);
  }

  async runSource<TResult>(source: string, argument: unknown): Promise<Awaited<TResult>> {
    const id = ++this.#lastId;
    const request: Request = { id, source, argument };
    const answer = new Promise<{ value?: unknown; error?: string }>((resolve) => this.#answers.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    if (!this.lives) throw new Error(`the process has ended\n${this.output}`);
    const { value, error } = await within(answer, "an answer of the program", ANSWER_MS);
    if (error !== undefined) throw new Error(`in the program: ${error}\n${this.output}`);
    return value as Awaited<TResult>;
  }

  /** Waits until what the function gives satisfies the condition; gives that. */
  async until<TResult>(
    call: (lab: TLab) => TResult,
    holds: (value: Awaited<TResult>) => boolean,
    what: string,
    milliseconds = DEADLINE_MS,
  ): Promise<Awaited<TResult>> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const value = await this.run<TResult>(call);
      if (holds(value)) return value;
      if (performance.now() > end) throw new Error(`waited ${milliseconds} ms until ${what}: ${JSON.stringify(value)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Leaves the process nothing more to wait for; resolves when it has ended by itself. */
  async exited(milliseconds = 20_000): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.#child.stdin?.end();
    return within(this.#exited, `the process to end by itself\n${this.output}`, milliseconds);
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** The memory that the process has taken since `forgetPeak` at the most, in bytes; undefined where there is no /proc. */
  get peak(): number | undefined {
    try {
      const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
      return Number(line?.[1]) * 1024;
    } catch {
      return undefined;
    }
  }

  /** How many file descriptors the process has open; undefined where there is no /proc. */
  get descriptors(): number | undefined {
    try {
      return readdirSync(`/proc/${this.pid}/fd`).length;
    } catch {
      return undefined;
    }
  }

  /** https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html */
  forgetPeak(): void {
    try {
      writeFileSync(`/proc/${this.pid}/clear_refs`, "5");
    } catch {
      // No /proc here: `peak` is undefined as well.
    }
  }

  #hear(answer: Answer, settle: (answer: Answer) => void): void {
    if ("unhandled" in answer) {
      this.unhandled.push(answer.unhandled);
    } else if ("id" in answer) {
      this.#answers.get(answer.id)?.(answer);
      this.#answers.delete(answer.id);
    } else settle(answer);
  }
}
