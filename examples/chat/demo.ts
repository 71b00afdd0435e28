// Plays the scripted session on each server, then serves the page: `pnpm demo [--once] [--port N]`.
import { parseArgs } from "node:util";
import { difference } from "./difference.js";
import { DEMO_KEY } from "./events.js";
import { findRuntimes, nameOf, type Runtime, serveOthers, WS_ON_NODE } from "./runtimes.js";
import { playSession } from "./session.js";
import { normalise, Transcript } from "./transcript.js";
import { buildPage, openWebsite, type Website } from "./web.js";

const USAGE = `Usage: pnpm demo [--once] [--port N]

  --once    end after the transcripts, with 0 where all are equal
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
  const runtimes = await findRuntimes();
  const equal = await compare(runtimes);
  if (!equal) process.exitCode = 1;
  if (values.once !== true) await serve(runtimes, port);
};

// ---- The transcript, and whether it is the same everywhere

const coloured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

const paint = (code: number, text: string): string => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

const GREEN = 32;
const RED = 31;
const YELLOW = 33;

/** Plays the session on each of them. @throws Error where it fails on the first, that the others are compared with */
const compare = async (runtimes: Runtime[]): Promise<boolean> => {
  const transcript = new Transcript(console.log, coloured);
  await playSession(transcript);
  const expected = normalise(transcript.lines);

  console.log("\nThe same session on each server:\n");
  const width = Math.max(...runtimes.map((runtime) => nameOf(runtime).length));
  let equal = true;
  for (const runtime of runtimes) {
    const tell = (colour: number, mark: string, result: string): void =>
      console.log(`    ${paint(colour, mark)} ${nameOf(runtime).padEnd(width)}   ${result}`);
    if (runtime.id === WS_ON_NODE.id) tell(GREEN, "✓", `the ${expected.length} lines above`);
    else if (runtime.missing !== undefined) tell(YELLOW, "-", `not played: ${runtime.missing}`);
    else {
      try {
        const differences = difference(expected, normalise(await runtime.play()));
        if (differences.length === 0) tell(GREEN, "✓", `the same ${expected.length} lines`);
        else {
          equal = false;
          tell(RED, "✗", "other lines (- above, + here):");
          for (const line of differences) console.log(`        ${line}`);
        }
      } catch (error) {
        equal = false;
        tell(RED, "✗", `failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  console.log("\n    Ids and ports are compared by the order in which they come.");
  return equal;
};

// ---- The page

const serve = async (runtimes: Runtime[], port: number | undefined): Promise<void> => {
  const page = await buildPage();
  const others = await serveOthers(runtimes);
  let website: Website | undefined;
  const close = (): Promise<unknown> => Promise.all([website, ...others].map((one) => one?.close()));
  try {
    website = await openWebsite({ page, port: port ?? DEFAULT_PORT, orNextFree: port === undefined, others });
  } catch (error) {
    await close();
    throw error;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void close());

  const servers = [WS_ON_NODE, ...others].map(nameOf).join(", ");
  console.log(`
Now in the browser, best in two windows: ${website.url}
The key is "${DEMO_KEY}". Ctrl+C ends it.
The page can choose its server: ${servers}.
Each has rooms and people of its own; nothing is shared between them.`);
};

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
