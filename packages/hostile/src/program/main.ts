// Runs in the runtime under test. Reads functions from stdin, one JSON line each, and writes what they give to stdout.
import { runInThisContext } from "node:vm";
// First, so that its timers are those that everything else sets.
import "./timers.js";
import { type CreateServer, Lab } from "./lab.js";
import { type Answer, MARK, type Request } from "./protocol.js";

const tell = (answer: Answer): void => {
  process.stdout.write(`${MARK}${JSON.stringify(answer)}\n`);
};

const textOf = (error: unknown): string => {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return "an error that cannot be printed";
  }
};

process.on("unhandledRejection", (error) => tell({ unhandled: textOf(error) }));
process.on("uncaughtException", (error) => tell({ unhandled: textOf(error) }));

// What esbuild wraps functions in, to keep their names.
Object.assign(globalThis, { __name: (value: unknown) => value });

const call = async (lab: unknown, { id, source, argument }: Request): Promise<void> => {
  try {
    const run = runInThisContext(`(${source})`) as (lab: unknown, argument: unknown) => unknown;
    tell({ id, value: await run(lab, argument) });
  } catch (error) {
    tell({ id, error: textOf(error) });
  }
};

const listen = (lab: unknown): void => {
  let text = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk) => {
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) call(lab, JSON.parse(line) as Request);
  });
};

const labOf = async (name: string): Promise<{ lab: unknown; capabilities?: unknown }> => {
  switch (name) {
    case "ws":
      return serverLab((await import("../../../conformance/src/rows/ws.js")).ws);
    case "uws":
      return serverLab((await import("../../../conformance/src/rows/uws.js")).uws);
    case "bun":
      return serverLab((await import("../../../conformance/src/rows/bun.js")).bun);
    case "deno":
      return serverLab((await import("../../../conformance/src/rows/deno.js")).deno);
    case "client":
      return { lab: new (await import("./client-lab.js")).ClientLab() };
    default:
      throw new Error(`no such program: ${name}`);
  }
};

const serverLab = ({ create, capabilities }: { create: unknown; capabilities: unknown }) => ({
  // The rows are typed for the events of their own suite.
  lab: new Lab(create as CreateServer),
  capabilities,
});

const main = async (): Promise<void> => {
  try {
    const { lab, capabilities } = await labOf(process.argv[2] ?? "");
    listen(lab);
    tell({ ready: true, capabilities });
  } catch (error) {
    tell({ obstacle: textOf(error) });
  }
};

void main();
