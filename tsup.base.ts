import type { Options } from "tsup";

/** What every published package builds: ESM and CJS, each with its own declarations. */
export const library: Options = {
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  target: "es2022",
  clean: true,
  sourcemap: true,
  // tsup sets options for the declaration build that TypeScript 6 reports as deprecated.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
};
