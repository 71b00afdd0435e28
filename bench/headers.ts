/**
 * How large an upgrade request each server reads: `node --import tsx bench/headers.ts [ADAPTER ...]`, after `pnpm build`.
 * Prints the status of each answer, or how long it took the server to close the connection without one.
 */
import { Wire } from "../packages/conformance/src/wire.js";
import { ADAPTERS, Server } from "./server-process.js";

const REQUESTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "15 KB in one": { Cookie: "x".repeat(15_000) },
  "16.5 KB in one": { Cookie: "x".repeat(16_500) },
  "300 KB in one": { Cookie: "x".repeat(300_000) },
  "250 small ones": Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`x-${i}`, "1"])),
};

const outcome = async (port: number, headers: Readonly<Record<string, string>>): Promise<string> => {
  const start = performance.now();
  const wire = new Wire(port, { headers });
  try {
    return String((await wire.response).status);
  } catch {
    return `closed after ${((performance.now() - start) / 1000).toFixed(0)} s`;
  } finally {
    wire.destroy();
  }
};

const adapters = process.argv.slice(2);
for (const adapter of adapters.length === 0 ? ADAPTERS : adapters) {
  const server = new Server(adapter, {});
  const port = await server.number();
  for (const [name, headers] of Object.entries(REQUESTS)) {
    console.log(`${adapter.padEnd(5)} ${name.padEnd(15)} ${await outcome(port, headers)}`);
  }
  server.end();
}
