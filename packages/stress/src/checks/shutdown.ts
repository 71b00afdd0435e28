import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "@ezez-ws/conformance";
import { type AdapterName, commandOf } from "../adapters.js";
import { type Check, check } from "../check.js";
import { Peer } from "../peer.js";

const PROGRAM = new URL("../../../../examples/shutdown/server.ts", import.meta.url);
const START_MS = 20_000;
const PEERS = 20;
// These neither read nor answer the close. Deno has no way to drop one to which something is still to be written, and its
// process lasts as long as that peer.
const STUCK = 2;
const CANNOT_DROP: readonly AdapterName[] = ["deno"];
const ASK_MS = 5;
const LOADED_MS = 300;
// The example's `timeoutMs`, and what a busy machine takes to end a process.
const END_MS = 2000 + 3000;
const SIDE_BY_SIDE = 3;

interface Outcome {
  readonly exit: string;
  readonly printed: string;
  readonly milliseconds: number;
  readonly answers: number;
  /** The close codes that the peers saw which read. */
  readonly codes: readonly number[];
  readonly listens: boolean;
}

/** SIGTERM to the example, under load, again and again. */
export const checkShutdown = async (adapter: AdapterName, times: number): Promise<readonly Check[]> => {
  const outcomes: Outcome[] = [];
  while (outcomes.length < times) {
    const some = Math.min(SIDE_BY_SIDE, times - outcomes.length);
    const stuck = (i: number): number => (i > 0 || CANNOT_DROP.includes(adapter) ? 0 : STUCK);
    outcomes.push(...(await Promise.all(Array.from({ length: some }, (_, i) => shutDownOnce(adapter, stuck(i))))));
  }
  const slowest = Math.max(...outcomes.map(({ milliseconds }) => milliseconds));
  const count = (holds: (outcome: Outcome) => boolean): number => outcomes.filter(holds).length;
  const every = (what: string, holds: (outcome: Outcome) => boolean, found?: string): Check =>
    check(what, count(holds) === times, found ?? `${count(holds)} of ${times}`);
  return [
    every("on SIGTERM under load close resolves", ({ printed }) => printed === "closed"),
    every(
      "the process ends by itself, with 0",
      ({ exit }) => exit === "0",
      `${outcomes.find(({ exit }) => exit !== "0")?.exit ?? 0}`,
    ),
    every(
      `within ${END_MS / 1000} s`,
      ({ milliseconds }) => milliseconds <= END_MS,
      `at most ${Math.round(slowest)} ms`,
    ),
    every(
      "every peer that reads sees 1001",
      ({ codes }) => codes.length === PEERS && codes.every((code) => code === 1001),
    ),
    every("nothing listens any more", ({ listens }) => !listens),
    every(
      "there was load",
      ({ answers }) => answers > 0,
      `${outcomes.reduce((sum, { answers }) => sum + answers, 0)} answers`,
    ),
  ];
};

const shutDownOnce = async (adapter: AdapterName, stuckPeers: number): Promise<Outcome> => {
  const [command, ...rest] = commandOf(adapter, PROGRAM);
  const child = spawn(command, [...rest, adapter, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "close").then(([code, signal]) => String(code ?? signal));
  try {
    const lines = createInterface({ input: child.stdout });
    const [first = ""] = (await within(once(lines, "line"), "the example to start", START_MS)) as string[];
    const port = Number(first.split(" ").at(-1));
    let printed = "";
    lines.on("line", (line) => {
      printed += line;
    });

    const codes: number[] = [];
    let answers = 0;
    const events = { message: () => void answers++, end: (code: number) => void codes.push(code) };
    const peers = await Promise.all(Array.from({ length: PEERS }, () => Peer.connect(port, events)));
    const silent = { message: () => undefined, end: () => undefined };
    const stuck = await Promise.all(Array.from({ length: stuckPeers }, () => Peer.connect(port, silent)));
    for (const peer of stuck) peer.pause();
    const asking = setInterval(() => {
      for (const peer of [...peers, ...stuck]) if (peer.isOpen) peer.send("echo", ["text"]);
    }, ASK_MS);
    await sleep(LOADED_MS);

    const start = performance.now();
    child.kill("SIGTERM");
    const how = await within(exit, "the example to end", END_MS * 2).catch(({ message }: Error) => message);
    const milliseconds = performance.now() - start;
    clearInterval(asking);
    for (const peer of stuck) peer.reset();
    return { exit: how, printed, milliseconds, answers, codes, listens: await listens(port) };
  } finally {
    child.kill("SIGKILL");
  }
};

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
