import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let folder = "";
let checkVersion: typeof import("../src/app.js").checkVersion;
beforeEach(async () => {
  // What was told once is known for as long as the modules are loaded.
  vi.resetModules();
  ({ checkVersion } = await import("../src/app.js"));
  folder = mkdtempSync(join(tmpdir(), "ezez-ws-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const warningsOf = (file: string, content: string): unknown[] => {
  const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
  writeFileSync(join(folder, file), content);
  checkVersion(join(folder, "uws.js"));
  return spy.mock.calls.flat();
};

test("an old uWebSockets.js is warned of", () => {
  const old = JSON.stringify({ name: "uWebSockets.js", version: "20.30.0" });
  expect(warningsOf("package.json", old)).toEqual([
    expect.stringMatching(/^ezez-ws: uWebSockets\.js 20\.30\.0 is too old/),
  ]);
});

test.for([
  ["a repack, which has versions of its own", "package.json", { name: "uwebsockets", version: "3.0.6" }],
  ["a new one", "package.json", { name: "uWebSockets.js", version: "20.52.0" }],
  ["one without a package.json", "other.json", {}],
] as const)("%s is not", ([, file, content]) => {
  expect(warningsOf(file, JSON.stringify(content))).toEqual([]);
});
