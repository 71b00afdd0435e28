import { expect, test } from "vitest";
import { read } from "./documents.js";

// Where a package manager cannot hold somebody to a range, the adapter looks at the version itself.
test.for([
  ["adapter-bun", "server.ts", /warnIfOlder\("Bun", Bun\.version, "([\d.]+)"\)/, "engines", "bun"],
  ["adapter-deno", "server.ts", /warnIfOlder\("Deno", Deno\.version\.deno, "([\d.]+)"\)/, "engines", "deno"],
  ["adapter-uws", "app.ts", /warnIfOlder\(name, version, "([\d.]+)"\)/, "peerDependencies", "uWebSockets.js"],
] as const)("%s warns below the version of its package.json", ([adapter, file, call, field, name]) => {
  const minimum = read(`packages/${adapter}/src/${file}`).match(call)?.[1];
  expect(JSON.parse(read(`packages/${adapter}/package.json`))[field][name]).toBe(`>=${minimum}`);
});
