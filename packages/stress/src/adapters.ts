import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ADAPTERS = ["ws", "uws", "bun", "deno"] as const;

export type AdapterName = (typeof ADAPTERS)[number];

/** What `--adapter` names: one, or `all`. */
export const chosenAdapters = (name: string): readonly AdapterName[] => {
  if (name === "all") return ADAPTERS;
  const adapter = ADAPTERS.find((one) => one === name);
  if (adapter === undefined) throw new Error(`--adapter is one of ${ADAPTERS.join(", ")} and all`);
  return [adapter];
};

const fromHere = createRequire(import.meta.url);
const fromRuntimes = createRequire(new URL("../../../tools/runtimes/package.json", import.meta.url));

/** The command that runs a program of TypeScript on an adapter's runtime, with a garbage collector that it can call. */
export const commandOf = (adapter: AdapterName, program: URL): readonly [command: string, ...rest: string[]] => {
  const file = fileURLToPath(program);
  switch (adapter) {
    case "bun":
      return [join(dirname(fromHere.resolve("bun/package.json")), "bin", "bun.exe"), file];
    case "deno":
      return [
        join(dirname(fromRuntimes.resolve("deno/package.json")), "deno"),
        "run",
        "--allow-all",
        "--no-prompt",
        "--unstable-sloppy-imports",
        "--v8-flags=--expose-gc",
        file,
      ];
    default:
      return [process.execPath, "--expose-gc", "--import", "tsx", file];
  }
};
