// All cases against one row, in a process of its own. Started by run.ts.
import { within } from "@ezez-ws/conformance";
import type { Capabilities } from "@ezez-ws/conformance/row";
import { Arena, type Surroundings } from "./arena.js";
import { Canaries } from "./canaries.js";
import { CanaryWaited, type Case, Skipped } from "./case.js";
import { client } from "./cases/client.js";
import { SERVER_CASES } from "./cases/index.js";
import type { Outcome, Report } from "./outcome.js";
import type { Lab } from "./program/lab.js";
import { Program } from "./program.js";
import { ROWS, type Row, STANDARD } from "./row.js";

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

/** The machine is one row's at a time; resolves when it is this one's. */
const machine = (): Promise<void> => {
  const granted = new Promise<void>((resolve) => process.once("message", () => resolve()));
  tell({ wants: "machine" });
  return granted;
};

const attempt = async (one: Case, surroundings: Surroundings): Promise<Outcome> => {
  const { number, run, pace } = one;
  if (pace === "busy") await machine();
  const start = performance.now();
  const milliseconds = (): number => Math.round(performance.now() - start);
  const arena = new Arena(surroundings);
  try {
    const all = run(arena).then(() => arena.finish());
    await within(all, "the end of the case", CASE_MS);
    const { differing, canaryMs } = arena;
    return { number, result: "pass", differs: [...differing], canaryMs, milliseconds: milliseconds() };
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (error instanceof CanaryWaited && pace !== "busy") throw error;
    if (error instanceof Skipped) return { number, result: "skip", why: error.message, milliseconds: milliseconds() };
    return { number, result: "fail", why, milliseconds: milliseconds() };
  } finally {
    await arena.dispose();
    if (pace === "busy") tell({ wants: "nothing" });
  }
};

const runCase = async (one: Case, surroundings: Surroundings): Promise<Outcome> => {
  try {
    return await attempt(one, surroundings);
  } catch (error) {
    // Once more, with nothing else of ours that takes the machine.
    console.log(`again ${surroundings.row.name} ${one.number}: ${error}`);
    return attempt({ ...one, pace: "busy" }, surroundings);
  }
};

const runAll = async (cases: readonly Case[], surroundings: Surroundings): Promise<void> => {
  const pool = async (pace: Case["pace"], together: number): Promise<void> => {
    const left = cases.filter((one) => one.pace === pace);
    const worker = async (): Promise<void> => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) {
        tell({ outcome: await runCase(one, surroundings) });
      }
    };
    await Promise.all(Array.from({ length: together }, worker));
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
  let capabilities: Capabilities;
  try {
    capabilities = await capabilitiesOf(row);
  } catch (error) {
    tell({ obstacle: (error as Error).message.split("\n")[0] ?? "" });
    return;
  }
  const canaries = new Canaries();
  const cases = (row.isClient ? client : SERVER_CASES).filter(
    ({ number }) => only.length === 0 || only.includes(number),
  );
  const facts = { ...STANDARD, ...capabilities, ...row.facts };
  await runAll(cases, { row, facts, canaries, canaryMs, seed });
  canaries.stop();
};

await main(JSON.parse(process.argv[2] ?? "{}") as RowSettings);
process.disconnect?.();
