// Runs on Bun or Deno, as a process of its own: `bun child.ts play|serve ws|bun`. It ends with its standard input, and so with
// the process that started it, however that one ends.
import { ADAPTERS, createChatOn } from "./adapters.js";
import { DEMO_KEY } from "./events.js";
import { playSession } from "./session.js";
import { Transcript } from "./transcript.js";

const [task, name] = process.argv.slice(2);
const adapter = ADAPTERS.find((one) => one === name);
if (adapter === undefined) throw new Error(`There is no adapter "${name}"`);

const inputEnds = new Promise<void>((resolve) => process.stdin.resume().once("end", resolve));

/** Prints the port. */
const serve = async (): Promise<void> => {
  const chat = createChatOn(adapter, { port: 0 }, { key: DEMO_KEY });
  await chat.start();
  console.log(chat.server.address()?.port);
  await inputEnds;
  await chat.close();
};

/** Prints the transcript. */
const play = (): Promise<void> =>
  Promise.race([
    playSession(new Transcript(console.log), adapter),
    inputEnds.then(() => Promise.reject(new Error("nobody reads it any more"))),
  ]);

// A Ctrl+C reaches this process too; the one that started it says when to end.
process.on("SIGINT", () => undefined);

try {
  await (task === "serve" ? serve() : play());
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
