import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CommonOptions } from "@ezez-ws/core";

const root = fileURLToPath(new URL("..", import.meta.url));
const bun = join(dirname(createRequire(import.meta.url).resolve("bun/package.json")), "bin", "bun.exe");
const deno = join(root, "tools", "runtimes", "node_modules", ".bin", "deno");
const onNode: Command = [process.execPath, "--expose-gc", "--import", "tsx"];

type Command = readonly [command: string, ...options: string[]];

const COMMANDS: Readonly<Record<string, Command>> = {
  ws: onNode,
  uws: onNode,
  bun: [bun],
  deno: [deno, "run", "-A", "--no-prompt", "--node-modules-dir=manual", "--v8-flags=--expose-gc"],
};

export const ADAPTERS = Object.keys(COMMANDS);

/** bench/cost-server.ts in a process of its own. */
export class Server {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(adapter: string, options: CommonOptions) {
    const [command, ...parameters] = COMMANDS[adapter] ?? onNode;
    const file = join(root, "bench", "cost-server.ts");
    this.#child = spawn(command, [...parameters, file, adapter, JSON.stringify(options)], {
      cwd: root,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next number that it prints: first its port, then its memory each time it is asked. */
  async number(): Promise<number> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the server has ended");
    return Number(value);
  }

  measure(): Promise<number> {
    this.#child.stdin.write("\n");
    return this.number();
  }

  end(): void {
    this.#child.stdin.end();
  }
}
