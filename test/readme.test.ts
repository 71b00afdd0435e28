import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { blocks, read } from "./documents.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(root, "test", ".readme-"));
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true });
});

// With the packages' sources in place of their builds.
const run = (
  file: string,
): { child: ChildProcess; said: (text: string) => Promise<void>; exit: Promise<number | null> } => {
  const child = spawn(process.execPath, ["--import", "tsx", join(folder, file)], {
    cwd: root,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "test", "tsconfig.run.json") },
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
  return { child, said, exit };
};

test("the README's server and client run as they stand", async () => {
  for (const block of blocks(read("README.md"), "ts")) {
    const name = block.match(/^\/\/ ([a-z]+\.ts)/)?.[1];
    if (name !== undefined) writeFileSync(join(folder, name), block);
  }
  const server = run("server.ts");
  await server.said("listening");
  const client = run("client.ts");
  await client.said("1 online");
  await client.said("Ada joined");
  expect(await client.exit).toBe(0);
  await server.said("Ada left");
}, 30_000);
