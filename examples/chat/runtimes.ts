// The servers that the demo compares: each adapter on each runtime. What runs on Bun or Deno does so in a process of its own.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type AdapterName, createChatOn, whyNoUws } from "./adapters.js";
import { DEMO_KEY } from "./events.js";
import { playSession } from "./session.js";
import { Transcript } from "./transcript.js";

// ---- Types

export interface ServerName {
  readonly id: string;
  /** What serves: a package, or a part of the runtime. */
  readonly name: string;
  /** With its version. */
  readonly runtime: string;
}

/** A chat that runs for the page. */
export interface Served extends ServerName {
  readonly port: number;
  close(): Promise<void>;
}

export interface Runtime extends ServerName {
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  /** Plays the scripted session. @returns its transcript */
  play(): Promise<string[]>;
  serve(): Promise<Served>;
}

export const nameOf = ({ name, runtime }: ServerName): string => `${name} on ${runtime}`;

/** The one that the others are compared with, and that also serves the page. */
export const WS_ON_NODE: ServerName = { id: "ws", name: "ws", runtime: `Node ${process.versions.node}` };

// ---- What there is

/** All that the demo knows, whether they can run here or not. */
export const findRuntimes = async (): Promise<Runtime[]> => {
  const node = `Node ${process.versions.node}`;
  const [bun, deno] = await Promise.all([find(BUN), find(DENO)]);
  return [
    onNode("ws", WS_ON_NODE, undefined),
    onNode("uws", { id: "uws", name: "uWebSockets.js", runtime: node }, whyNoUws()),
    elsewhere("bun", { id: "bun", name: "Bun.serve", runtime: bun.runtime }, bun),
    elsewhere("ws", { id: "ws-on-bun", name: "ws", runtime: bun.runtime }, bun),
    elsewhere("deno", { id: "deno", name: "Deno.serve", runtime: deno.runtime }, deno),
    elsewhere("ws", { id: "ws-on-deno", name: "ws", runtime: deno.runtime }, deno),
  ];
};

/** Serves on all that can, but that which serves the page itself. None is left running where one fails. */
export const serveOthers = async (runtimes: readonly Runtime[]): Promise<Served[]> => {
  const wanted = runtimes.filter(({ id, missing }) => id !== WS_ON_NODE.id && missing === undefined);
  const results = await Promise.allSettled(wanted.map((runtime) => runtime.serve()));
  const others = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failure = results.find((result) => result.status === "rejected");
  if (failure === undefined) return others;
  await Promise.all(others.map((other) => other.close()));
  throw failure.reason;
};

const onNode = (adapter: AdapterName, name: ServerName, missing: string | undefined): Runtime => ({
  ...name,
  missing,
  play: async () => {
    const transcript = new Transcript(() => undefined);
    await playSession(transcript, adapter);
    return transcript.lines;
  },
  serve: async () => {
    const chat = createChatOn(adapter, { port: 0 }, { key: DEMO_KEY });
    await chat.start();
    return { ...name, port: chat.server.address()?.port ?? 0, close: () => chat.close() };
  },
});

// ---- Bun and Deno

interface Program {
  readonly name: string;
  /** The variable that can name another. */
  readonly variable: string;
  /** The one that is installed. @throws Error where none is */
  readonly installed: () => string;
  /** What it needs to run TypeScript; the configuration is given where the packages' sources are to be run. */
  readonly options: (tsconfig: string | undefined) => readonly string[];
}

interface Found extends Program {
  readonly command: string;
  /** With its version. */
  readonly runtime: string;
  readonly missing: string | undefined;
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const folderOf = (from: string, name: string): string =>
  dirname(createRequire(path(from)).resolve(`${name}/package.json`));

const BUN: Program = {
  name: "Bun",
  variable: "BUN",
  installed: () => join(folderOf("package.json", "bun"), "bin", "bun.exe"),
  options: (tsconfig) => (tsconfig === undefined ? [] : [`--tsconfig-override=${tsconfig}`]),
};

const DENO: Program = {
  name: "Deno",
  variable: "DENO",
  installed: () => join(folderOf("../../tools/runtimes/package.json", "deno"), "deno"),
  options: (tsconfig) => [
    ...["run", "--allow-all", "--no-prompt", "--quiet", "--unstable-sloppy-imports"],
    ...(tsconfig === undefined ? [] : [`--import-map=${path("import-map.source.json")}`]),
  ],
};

// Longer than the session's own deadline, and the start of a runtime.
const PLAY_MS = 40_000;
const CLOSE_MS = 3000;

/** The one that its variable names, or else the one that is installed. */
const find = async (program: Program): Promise<Found> => {
  const { name } = program;
  let command = process.env[program.variable] ?? "";
  try {
    if (command === "") command = program.installed();
    const [printed = ""] = await new Child(command, ["--version"]).output(PLAY_MS);
    const version = /\d+\.\d+\.\d+/.exec(printed)?.[0] ?? printed;
    return { ...program, command, runtime: `${name} ${version}`, missing: undefined };
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { ...program, command, runtime: name, missing: `${name} cannot be started: ${line}` };
  }
};

const elsewhere = (adapter: AdapterName, name: ServerName, { command, options, missing }: Found): Runtime => {
  // As tsx is told where modules are.
  const start = (task: "play" | "serve"): Child =>
    new Child(command, [...options(process.env.TSX_TSCONFIG_PATH), path("child.ts"), task, adapter]);
  return {
    ...name,
    missing,
    play: () => start("play").output(PLAY_MS),
    serve: async () => {
      const child = start("serve");
      const port = Number(await child.firstLine());
      let closing = false;
      void child.ended.then((code) => {
        if (!closing) console.error(`${nameOf(name)} has ended, with ${code}:\n${child.errors}`);
      });
      return {
        ...name,
        port,
        close: () => {
          closing = true;
          return child.end(CLOSE_MS);
        },
      };
    },
  };
};

// ---- Processes

const running = new Set<Child>();

// Where this process ends in an orderly way, nothing is left to do here; where it is killed, they see their input end.
process.on("exit", () => {
  for (const child of running) child.kill();
});

/** A process that ends no later than this one. */
class Child {
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  errors = "";
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  #printed = "";

  constructor(command: string, args: string[]) {
    this.#process = spawn(command, args, { stdio: "pipe" });
    running.add(this);
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#printed += text;
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    // It may be gone before we close its input.
    this.#process.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.#process.once("error", ({ message }) => {
        this.errors += message;
        resolve(1);
      });
      this.#process.once("close", (code, signal) => resolve(code ?? signal ?? 1));
    });
    void this.ended.then(() => running.delete(this));
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** All that it prints; rejects with what it says of its error. */
  async output(timeoutMs: number): Promise<string[]> {
    const code = await this.#endWithin(timeoutMs);
    if (code !== 0) throw this.#failure(code);
    return this.#printed.trimEnd().split("\n");
  }

  /** What it prints first. */
  async firstLine(): Promise<string> {
    const printed = new Promise<void>((resolve) => this.#process.stdout.once("data", () => resolve()));
    const code = await Promise.race([printed, this.ended]);
    if (code !== undefined) throw this.#failure(code);
    return this.#printed.split("\n")[0] ?? "";
  }

  /** Closes its input, which it takes as being asked to end. */
  async end(timeoutMs: number): Promise<void> {
    this.#process.stdin.end();
    await this.#endWithin(timeoutMs);
  }

  async #endWithin(timeoutMs: number): Promise<number | string> {
    const late = setTimeout(() => this.kill(), timeoutMs);
    const code = await this.ended;
    clearTimeout(late);
    return code;
  }

  #failure(code: number | string): Error {
    const said = this.errors.trim();
    return new Error(said === "" ? `it ended with ${code}` : said);
  }
}
