// Plays the scripted session, then serves the page: `pnpm demo [--once] [--port N]`.
import { parseArgs } from "node:util";
import { DEMO_KEY } from "./events.js";
import { playSession } from "./session.js";
import { Transcript } from "./transcript.js";
import { buildPage, openWebsite } from "./web.js";

const USAGE = `Usage: pnpm demo [--once] [--port N]

  --once    end after the transcript
  --port N  serve the page on this port; without it on 8080, or on the next free one
`;

const DEFAULT_PORT = 8080;

const readPort = (text: string): number => {
  const port = Number(text);
  if (!/^\d+$/u.test(text) || port > 65_535) throw new Error(`--port must be from 0 to 65535, not "${text}"`);
  return port;
};

const main = async (args: string[]): Promise<void> => {
  const { values } = parseArgs({
    // pnpm hands a "--" on.
    args: args.filter((arg) => arg !== "--"),
    options: { once: { type: "boolean" }, port: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    console.log(USAGE);
    return;
  }
  const port = values.port === undefined ? undefined : readPort(values.port);
  const coloured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  await playSession(new Transcript(console.log, coloured));
  if (values.once === true) return;

  const website = await openWebsite({
    page: await buildPage(),
    port: port ?? DEFAULT_PORT,
    orNextFree: port === undefined,
  });
  console.log(`\nNow in the browser, best in two windows: ${website.url}\nThe key is "${DEMO_KEY}". Ctrl+C ends it.`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void website.close());
};

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
