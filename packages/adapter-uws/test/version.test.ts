import uWS from "uWebSockets.js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let folder = "";
let checkVersion: typeof import("../src/app.js").checkVersion;
let create: typeof import("./harness.js").create;

vi.mock("node:module", async (original) => ({
  ...(await original<typeof import("node:module")>()),
  createRequire: () => ({ resolve: () => join(folder, "uws.js") }),
}));

beforeEach(async () => {
  // What was told once is known for as long as the modules are loaded.
  vi.resetModules();
  ({ checkVersion } = await import("../src/app.js"));
  ({ create } = await import("./harness.js"));
  folder = mkdtempSync(join(tmpdir(), "ezez-ws-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** What is printed where this is what is installed. */
const warningsOf = async (file: string, content: object, act: () => unknown): Promise<unknown[]> => {
  const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
  writeFileSync(join(folder, file), JSON.stringify(content));
  await act();
  return spy.mock.calls.flat();
};

test("an old uWebSockets.js is warned of, with an app of the user's too", async () => {
  const { server } = create({ app: uWS.App() });
  expect(
    await warningsOf("package.json", { name: "uWebSockets.js", version: "20.30.0" }, () => server.start()),
  ).toEqual([expect.stringMatching(/^ezez-ws: uWebSockets\.js 20\.30\.0 is too old/)]);
});

test.for([
  ["a repack, which has versions of its own", "package.json", { name: "uwebsockets", version: "3.0.6" }],
  ["a new one", "package.json", { name: "uWebSockets.js", version: "20.52.0" }],
  ["one without a package.json", "other.json", {}],
] as const)("%s is not", async ([, file, content]) => {
  expect(await warningsOf(file, content, checkVersion)).toEqual([]);
});
