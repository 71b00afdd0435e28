import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { within } from "../packages/conformance/src/wait.js";

const script = fileURLToPath(new URL("../tools/audit.mjs", import.meta.url));

/** What the script says of a registry that answers like this. */
const audit = async (status: number, answer: object): Promise<{ code: number | null; stdout: string }> => {
  const registry = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  const { port } = registry.address() as AddressInfo;
  try {
    const run = new Promise<{ code: number | null; stdout: string }>((resolve) => {
      const child = execFile(process.execPath, [script, "--registry", `http://127.0.0.1:${port}/`], (_error, stdout) =>
        resolve({ code: child.exitCode, stdout }),
      );
    });
    return await within(run, "the audit", 60_000);
  } finally {
    registry.closeAllConnections();
    registry.close();
  }
};

const advisory = (title: string) => [
  { id: 1, url: "https://example.com/1", title, severity: "high", vulnerable_versions: "*", cwe: [] },
];

test("a fault of a run-time dependency, or of ws, fails", { timeout: 180_000 }, async () => {
  expect(await audit(200, { mitt: advisory("bad mitt") })).toEqual({
    code: 1,
    stdout: "mitt: bad mitt (high) https://example.com/1\n1 known faults in what is shipped\n",
  });
  expect(await audit(200, { ws: advisory("bad ws") })).toMatchObject({ code: 1 });
});

test("none, or one of a tool's, passes", { timeout: 180_000 }, async () => {
  const none = { code: 0, stdout: "0 known faults in what is shipped\n" };
  expect(await audit(200, {})).toEqual(none);
  expect(await audit(200, { knip: advisory("bad knip") })).toEqual(none);
  expect(await audit(200, { ws: [{ ...advisory("bad ws")[0], vulnerable_versions: "<8.23.0" }] })).toEqual(none);
});

test("a registry that answers no audits is a skip, with the reason", { timeout: 180_000 }, async () => {
  const { code, stdout } = await audit(405, {});
  expect(code).toBe(0);
  expect(stdout).toMatch(/^skipped: audit \(.*responded with 405/);
});
