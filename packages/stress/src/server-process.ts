import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { within } from "@ezez-ws/conformance";
import { type AdapterName, commandOf } from "./adapters.js";
import type { ApplicationName } from "./served/program.js";

const START_MS = 20_000;
const ANSWER_MS = 30_000;
const ERRORS_LENGTH = 4000;

interface Line {
  readonly port?: number;
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const running = new Set<ServerProcess>();

process.on("exit", () => {
  for (const server of running) server.kill();
});

/** A server of one adapter in a process of its own, on its own runtime. It ends no later than this one. */
export class ServerProcess {
  port = 0;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly #adapter: AdapterName;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #started: Promise<void>;
  #lastId = 0;
  #errors = "";

  private constructor(adapter: AdapterName, application: ApplicationName, port: number) {
    this.#adapter = adapter;
    const [command, ...rest] = commandOf(adapter, new URL("served/program.ts", import.meta.url));
    this.#process = spawn(command, [...rest, adapter, application, String(port)], { stdio: "pipe" });
    running.add(this);
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-ERRORS_LENGTH);
    });
    // It may be gone before a command is written.
    this.#process.stdin.on("error", () => undefined);
    let started: (port: number) => void = () => undefined;
    const port_ = new Promise<number>((resolve) => {
      started = resolve;
    });
    createInterface({ input: this.#process.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      if (line.port !== undefined) started(line.port);
      else this.#answered(line);
    });
    this.ended = new Promise((resolve) => {
      this.#process.once("error", ({ message }) => {
        this.#errors += message;
        resolve(1);
      });
      this.#process.once("close", (code, signal) => resolve(code ?? signal ?? 1));
    });
    const over = this.ended.then((code) => {
      running.delete(this);
      const error = new Error(`the server on ${adapter} has ended with ${code}: ${this.#errors.trim()}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      throw error;
    });
    this.#started = Promise.race([port_, over]).then((given) => {
      this.port = given;
    });
    // Only start waits for them.
    over.catch(() => undefined);
  }

  /** Starts one, and waits until it listens. Port 0 takes any free one. */
  static async start(adapter: AdapterName, application: ApplicationName, port = 0): Promise<ServerProcess> {
    const server = new ServerProcess(adapter, application, port);
    try {
      await within(server.#started, `the server on ${adapter} to listen`, START_MS);
    } catch (error) {
      server.kill();
      throw error;
    }
    return server;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What it has written to its standard error, or the end of it. */
  get errors(): string {
    return this.#errors;
  }

  /** Has it do something; rejects where that fails, or the process is gone. */
  async ask<T = void>(command: string, argument?: unknown, milliseconds = ANSWER_MS): Promise<T> {
    if (!running.has(this)) throw new Error(`the server on ${this.#adapter} has ended`);
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#process.stdin.write(`${JSON.stringify({ id, command, argument })}\n`);
    // Whoever asks knows the type of the answer.
    return (await within(answer, `${command} of the server on ${this.#adapter}`, milliseconds)) as T;
  }

  /** Closes the server, and then ends the process. */
  async close(): Promise<void> {
    await this.ask("close");
    this.#process.stdin.end();
    await within(this.ended, "the end of the process", ANSWER_MS);
  }

  /** Ends the process without a word. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #answered({ id = 0, result, error }: Line): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
