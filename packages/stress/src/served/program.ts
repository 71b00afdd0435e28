// A server in a process of its own: `program.ts ADAPTER APPLICATION PORT`. It prints its port, then answers commands, a line
// of JSON each, and ends with its standard input, and so with the process that started it, however that one ends.
import "./timers.js";
import { createInterface } from "node:readline";
import type { AdapterName } from "../adapters.js";
import { accounting } from "./accounting.js";
import type { Application, CreateApplication, Server, ServerClass } from "./application.js";
import { readLevels } from "./meters.js";
import { soak } from "./soak.js";
import { storm } from "./storm.js";

const CLASSES: Readonly<Record<AdapterName, () => Promise<{ readonly EZEZWebsocketServer: ServerClass }>>> = {
  ws: () => import("@ezez-ws/adapter-ws"),
  uws: () => import("@ezez-ws/adapter-uws"),
  bun: () => import("@ezez-ws/adapter-bun"),
  deno: () => import("@ezez-ws/adapter-deno"),
};

const APPLICATIONS = { accounting, soak, storm } as const satisfies Readonly<Record<string, CreateApplication>>;

/** The applications there are. */
export type ApplicationName = keyof typeof APPLICATIONS;

interface Command {
  readonly id: number;
  readonly command: string;
  readonly argument?: unknown;
}

const print = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const [adapter, name, port] = process.argv.slice(2) as [AdapterName, ApplicationName, string];
const { EZEZWebsocketServer } = await CLASSES[adapter]();
const application: Application = APPLICATIONS[name](() => server);
const server: Server = new EZEZWebsocketServer(
  { ...application.options, port: Number(port), host: "127.0.0.1" },
  application.callbacks,
);

const commands: Readonly<Record<string, (argument: never) => unknown>> = {
  // In one turn of the loop, so that they can be compared.
  sample: async () => ({ levels: await readLevels(server), counts: application.counts?.() }),
  close: () => server.close(),
  ...application.commands,
};

const obey = async ({ id, command, argument }: Command): Promise<void> => {
  try {
    print({ id, result: await commands[command]?.(argument as never) });
  } catch (error) {
    print({ id, error: error instanceof Error ? error.message : String(error) });
  }
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void obey(JSON.parse(line) as Command));
lines.on("close", () => process.exit(0));

await server.start();
print({ port: server.address()?.port });
