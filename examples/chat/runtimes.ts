// The servers that the demo compares: each adapter on each runtime. What runs on Bun does so in a process of its own.
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
  const bun = await findBun();
  return [
    onNode("ws", WS_ON_NODE, undefined),
    onNode("uws", { id: "uws", name: "uWebSockets.js", runtime: node }, whyNoUws()),
    onBun("bun", { id: "bun", name: "Bun.serve", runtime: bun.runtime }, bun),
    onBun("ws", { id: "ws-on-bun", name: "ws", runtime: bun.runtime }, bun),
  ];
};

/** Serves on all that can, but that which serves the page itself. None is left running where one fails. */
export const serveOthers = async (runtimes: readonly Runtime[]): Promise<Served[]> => {
  const others: Served[] = [];
  try {
    for (const runtime of runtimes) {
      if (runtime.id !== WS_ON_NODE.id && runtime.missing === undefined) others.push(await runtime.serve());
    }
    return others;
  } catch (error) {
    await Promise.all(others.map((other) => other.close()));
    throw error;
  }
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

// ---- Bun

interface Bun {
  command: string;
  runtime: string;
  missing: string | undefined;
}

const PROGRAM = fileURLToPath(new URL("on-bun.ts", import.meta.url));

// Longer than the session's own deadline.
const PLAY_MS = 8000;
const CLOSE_MS = 3000;

/** The one in the variable BUN, or else the one that is installed with the example. */
const findBun = async (): Promise<Bun> => {
  let command = process.env.BUN ?? "";
  try {
    if (command === "") {
      const require = createRequire(import.meta.url);
      command = join(dirname(require.resolve("bun/package.json")), "bin", "bun.exe");
    }
    const [version = ""] = await new Child(command, ["--version"]).output(PLAY_MS);
    return { command, runtime: `Bun ${version}`, missing: undefined };
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { command, runtime: "Bun", missing: `Bun cannot be started: ${line}` };
  }
};

const onBun = (adapter: AdapterName, name: ServerName, { command, missing }: Bun): Runtime => {
  const start = (task: "play" | "serve"): Child => {
    // As tsx is told where modules are.
    const tsconfig = process.env.TSX_TSCONFIG_PATH;
    const options = tsconfig === undefined ? [] : [`--tsconfig-override=${tsconfig}`];
    return new Child(command, [...options, PROGRAM, task, adapter]);
  };
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
