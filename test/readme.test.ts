import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EZEZWebsocketServer } from "@ezez-ws/adapter-uws";
import { afterEach, expect, test } from "vitest";
import { blocks, read } from "./documents.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsconfig = join(root, "test", "tsconfig.run.json");
const require = createRequire(import.meta.url);
const bun = join(dirname(require.resolve("bun/package.json")), "bin", "bun.exe");
// Itself: what npm puts in front of it is a process of its own, which a signal would hit.
const deno = join(root, "tools", "runtimes", "node_modules", "deno", "deno");

const children: ChildProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await exit;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

type Runtime = "Node" | "Bun" | "Deno";

const commands: Record<Runtime, readonly [command: string, ...options: string[]]> = {
  Node: [process.execPath, "--import", "tsx"],
  Bun: [bun, `--tsconfig-override=${tsconfig}`],
  Deno: [
    deno,
    ...["run", "-A", "--no-prompt", "--quiet", "--unstable-sloppy-imports"],
    `--import-map=${join(root, "test", "import-map.run.json")}`,
  ],
};

// With the packages' sources in place of their builds.
const run = (
  runtime: Runtime,
  file: string,
): { said: (text: string) => Promise<void>; exit: Promise<number | null> } => {
  const [command, ...options] = commands[runtime];
  const child = spawn(command, [...options, file], {
    cwd: root,
    env: { ...process.env, TSX_TSCONFIG_PATH: tsconfig },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
      for (const check of waiting) check();
    });
  }
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (output.includes(text)) resolve();
      };
      waiting.add(check);
      check();
      exit.then(() => reject(new Error(`${file} ended without saying "${text}":\n${output}`)));
    });
  return { said, exit };
};

// ---- What cannot run here, and why

const whyNoUws = (): string | undefined => {
  try {
    // Loads it.
    void new EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => false }).app;
    return undefined;
  } catch (error) {
    const { message } = error instanceof Error && error.cause instanceof Error ? error.cause : new Error(String(error));
    // It begins with the versions of Node that there are builds for, whatever the error was.
    return message.replace(/^.*?\n\nError: /s, "").split("\n")[0];
  }
};

const whyNot = (command: string): string | undefined => {
  const { error, status, stderr } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr.split("\n")[0]);
};

const missing = { uws: whyNoUws(), bun: whyNot(bun), deno: whyNot(deno) };

const servers: { adapter: string; runtime: Runtime; why: string | undefined }[] = [
  { adapter: "adapter-ws", runtime: "Node", why: undefined },
  { adapter: "adapter-uws", runtime: "Node", why: missing.uws },
  { adapter: "adapter-bun", runtime: "Bun", why: missing.bun },
  { adapter: "adapter-ws", runtime: "Bun", why: missing.bun },
  { adapter: "adapter-deno", runtime: "Deno", why: missing.deno },
  { adapter: "adapter-ws", runtime: "Deno", why: missing.deno },
];

for (const { adapter, runtime, why } of servers) {
  const skipped = why === undefined ? "" : ` (skipped: ${why})`;
  const name = `the README's server runs on ${adapter} on ${runtime}, and its client with it${skipped}`;
  test.skipIf(why !== undefined)(name, async () => {
    const folder = mkdtempSync(join(root, "test", ".readme-"));
    folders.push(folder);
    for (const block of blocks(read("README.md"), "ts")) {
      const file = block.match(/^\/\/ ([a-z]+\.ts)/)?.[1];
      // The adapter's name, in the import, is all that changes.
      if (file !== undefined)
        writeFileSync(join(folder, file), block.replace("@ezez-ws/adapter-ws", `@ezez-ws/${adapter}`));
    }
    const server = run(runtime, join(folder, "server.ts"));
    await server.said("listening");
    const client = run("Node", join(folder, "client.ts"));
    await client.said("1 online");
    await client.said("Ada joined");
    expect(await client.exit).toBe(0);
    await server.said("Ada left");
  });
}
