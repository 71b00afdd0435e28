import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { builtServer } from "./build-servers.js";
import type { Answer, Command, Outcome } from "./generator/commands.js";
import type { Question, Ready, Usage } from "./servers/child.js";
import type { ServerDefinition } from "./servers.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const BUN = path("../node_modules/.bin/bun");

/** Bun's binary, or undefined where it is not installed. */
export const findBun = (): string | undefined =>
  existsSync(BUN) && spawnSync(BUN, ["--version"]).status === 0 ? BUN : undefined;

const GENERATOR_CORE = 0;
const SERVER_CORE = 1;

/** Whether processes are bound to cores of their own. */
export const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

const NODE = [process.execPath, "--expose-gc"];
const START_MS = 20_000;
const ANSWER_MS = 60_000;
const STOP_MS = 5000;

/** A process that answers messages, one after another. */
class Child<TQuestion extends object | string, TAnswer> {
  readonly #process: ChildProcess;
  #waiting: ((answer: unknown) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(what: string, command: readonly string[], core: number) {
    const [file = "", ...args] = canPin ? ["taskset", "-c", String(core), ...command] : command;
    // JSON, which Bun understands too.
    this.#process = spawn(file, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "json" });
    this.#process.on("message", (message) => this.#waiting?.(message));
    this.#process.on("error", (error) => this.#failed?.(error));
    this.#process.on("exit", (code, signal) => this.#failed?.(new Error(`${what} ended with ${signal ?? code}`)));
  }

  ready(): Promise<Ready> {
    return this.#answer<Ready>(START_MS);
  }

  ask(question: TQuestion): Promise<TAnswer> {
    const answer = this.#answer<TAnswer>(ANSWER_MS);
    this.#process.send(question);
    return answer;
  }

  /** It ends by itself once the channel is closed, and writes its profile then. */
  async stop(): Promise<void> {
    this.#failed = undefined;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
    if (this.#process.connected) this.#process.disconnect();
    await exited;
    clearTimeout(timer);
  }

  #answer<T>(milliseconds: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
      // Its own files are the other side of the channel.
      this.#waiting = (answer) => {
        clearTimeout(timer);
        resolve(answer as T);
      };
      this.#failed = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
  }
}

/** A server that runs. */
export interface RunningServer {
  readonly definition: ServerDefinition;
  readonly port: number;
  usage(question?: Question): Promise<Usage>;
  stop(): Promise<void>;
}

export const startServer = async (
  definition: ServerDefinition,
  flags: readonly string[] = [],
): Promise<RunningServer> => {
  const runtime = definition.runtime === "bun" ? [BUN] : NODE;
  const command = [...runtime, ...flags, builtServer(definition.name)];
  const child = new Child<Question, Usage>(definition.title, command, SERVER_CORE);
  const { port } = await child.ready();
  return { definition, port, usage: (question = "usage") => child.ask(question), stop: () => child.stop() };
};

/** The load generator. */
export interface Generator {
  perform(command: Command): Promise<Outcome>;
  stop(): Promise<void>;
}

export const startGenerator = async (): Promise<Generator> => {
  const child = new Child<Command, Answer>("the generator", [BUN, path("generator/main.ts")], GENERATOR_CORE);
  await child.ready();
  return {
    perform: async (command) => {
      const answer = await child.ask(command);
      if ("error" in answer)
        throw new Error(`${command.kind}${"pool" in command ? ` ${command.pool}` : ""}: ${answer.error}`);
      return answer.outcome;
    },
    stop: () => child.stop(),
  };
};
