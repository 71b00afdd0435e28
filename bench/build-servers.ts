import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const SOURCES = fileURLToPath(new URL("servers", import.meta.url));
// Below this package, so that imports of packages resolve as they do from the sources.
const BUILT = fileURLToPath(new URL("dist", import.meta.url));

/** Compiles the servers file by file, so that no loader is in their process: neither in its profile nor in its memory. */
export const buildServers = (): void => {
  buildSync({
    entryPoints: readdirSync(SOURCES).map((name) => `${SOURCES}/${name}`),
    outdir: BUILT,
    format: "esm",
    target: "node20",
    sourcemap: true,
  });
};

/** The compiled file of a server. */
export const builtServer = (name: string): string => `${BUILT}/${name}.js`;
