import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, platform } from "node:os";

const require = createRequire(import.meta.url);

/** Name and version of an installed package; uWebSockets.js is installed under another name. */
const packageOf = (folder: string): [name: string, version: string] => {
  // By its path, as not every package exports its package.json.
  const modules = require.resolve.paths(folder)?.[0] ?? "";
  const { name, version } = JSON.parse(readFileSync(`${modules}/${folder}/package.json`, "utf8")) as {
    name: string;
    version: string;
  };
  return [name, version];
};

/** Facts that a figure needs beside it, and none that tell whose machine it is. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly pinned: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

export const machineFacts = (bun: string | undefined, pinned: boolean): Machine => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  platform: `${platform()} ${arch()}`,
  pinned,
  versions: {
    node: process.versions.node,
    ...(bun === undefined ? {} : { bun: execFileSync(bun, ["--version"], { encoding: "utf8" }).trim() }),
    ...Object.fromEntries(["ws", "uWebSockets.js", "socket.io"].map(packageOf)),
  },
});
