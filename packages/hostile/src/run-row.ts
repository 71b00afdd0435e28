// All cases against one row, in a process of its own. Started by run.ts.
import { within } from "@ezez-ws/conformance";
import type { Capabilities } from "@ezez-ws/conformance/row";
import { Arena, type Surroundings } from "./arena.js";
import { Canaries } from "./canaries.js";
import { CanaryWaited, type Case, Skipped } from "./case.js";
import { casesOf } from "./cases/index.js";
import type { Outcome, Report } from "./outcome.js";
import type { Lab } from "./program/lab.js";
import { Program } from "./program.js";
import { isClient, ROWS, type Row, STANDARD } from "./row.js";

export interface RowSettings {
  readonly row: string;
  readonly seed: number;
  readonly canaryMs: number;
  readonly only: readonly number[];
}

const CASE_MS = 90_000;
/** How many cases of each pace run at a time. */
const TOGETHER = { waits: 4, plain: 1, busy: 1 } as const;

const tell = (report: Report): void => {
  process.send?.(report);
};

// Cases that wait for the machine, in order.
const waiting: (() => void)[] = [];
process.on("message", () => waiting.shift()?.());

/** The machine is one case's at a time, of all rows; resolves when it is this one's. */
const machine = (): Promise<void> => {
  const granted = new Promise<void>((resolve) => waiting.push(resolve));
  tell({ wants: "machine" });
  return granted;
};

/** `onSettled`: from then on it only waits for its processes to end. */
const attempt = async (one: Case, surroundings: Surroundings, onSettled: () => void): Promise<Outcome> => {
  const { number, run, pace } = one;
  const isAlone = pace === "busy";
  if (isAlone) await machine();
  let isSettled = false;
  const settled = (): void => {
    if (isSettled) return;
    isSettled = true;
    if (isAlone) tell({ wants: "nothing" });
    onSettled();
  };
  const start = performance.now();
  const milliseconds = (): number => Math.round(performance.now() - start);
  const arena = new Arena(surroundings);
  try {
    await within(
      run(arena).then(() => arena.settle()),
      "the end of the case",
      CASE_MS,
    );
    settled();
    await arena.end();
    const { differing, canaryMs } = arena;
    return { number, result: "pass", differs: [...differing], canaryMs, milliseconds: milliseconds() };
  } catch (error) {
    const why = [error instanceof Error ? (error.stack ?? error.message) : String(error), ...arena.dead].join("\n");
    if (error instanceof CanaryWaited && !isAlone) throw error;
    if (error instanceof Skipped) return { number, result: "skip", why: error.message, milliseconds: milliseconds() };
    return { number, result: "fail", why, milliseconds: milliseconds() };
  } finally {
    await arena.dispose();
    settled();
  }
};

const runCase = async (one: Case, surroundings: Surroundings, onSettled: () => void): Promise<void> => {
  const outcome = await attempt(one, surroundings, onSettled).catch((error) => {
    // Once more, with nothing else of ours that takes the machine.
    console.log(`again ${surroundings.row.name} ${one.number}: ${error}`);
    return attempt({ ...one, pace: "busy" }, surroundings, onSettled);
  });
  tell({ outcome });
};

const runAll = async (cases: readonly Case[], surroundings: Surroundings): Promise<void> => {
  const pool = async (pace: Case["pace"], together: number): Promise<void> => {
    const left = cases.filter((one) => one.pace === pace);
    const ends: Promise<void>[] = [];
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const one = next;
        await new Promise<void>((resolve) => ends.push(runCase(one, surroundings, resolve)));
      }
    };
    await Promise.all(Array.from({ length: together }, worker));
    await Promise.all(ends);
  };
  await Promise.all([pool("waits", TOGETHER.waits), pool(undefined, TOGETHER.plain), pool("busy", TOGETHER.busy)]);
};

/** What the row says of itself, once it has served. */
const capabilitiesOf = async (row: Row): Promise<Capabilities> => {
  const program = new Program<Lab>(row.command, row.program);
  try {
    const capabilities = await program.ready();
    await program.run((lab) => lab.serve({}));
    return capabilities as Capabilities;
  } finally {
    if (program.lives) await program.kill();
  }
};

const main = async ({ row: name, seed, canaryMs, only }: RowSettings): Promise<void> => {
  const row = ROWS.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no such row: ${name}`);
  let capabilities: Partial<Capabilities> = {};
  try {
    if (!isClient(row)) capabilities = await capabilitiesOf(row);
  } catch (error) {
    tell({ obstacle: (error as Error).message.split("\n")[0] ?? "" });
    return;
  }
  const canaries = new Canaries();
  const cases = casesOf(row).filter(({ number }) => only.length === 0 || only.includes(number));
  const facts = { ...STANDARD, ...capabilities, ...row.facts };
  await runAll(cases, { row, facts, canaries, canaryMs, seed });
  canaries.stop();
};

await main(JSON.parse(process.argv[2] ?? "{}") as RowSettings);
process.disconnect?.();
