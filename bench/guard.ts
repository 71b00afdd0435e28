import { metricOf } from "./metrics.js";
import type { Cell } from "./results.js";
import { SERVERS } from "./servers.js";

/**
 * The least throughput per CPU, against the raw control or against itself where nothing is piled up, and the most heap of a
 * connection in KiB: by server, then by metric.
 */
export type Floors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Half of the throughput that was measured, twice the memory: noise stays within, a lost optimisation does not. */
const SHARE = 0.5;

const controlOf = (server: string): string | undefined => SERVERS.find(({ name }) => name === server)?.control;

const isMemory = (metric: string): boolean => metricOf(metric).compare === "difference";

/** In throughput per CPU, or in KiB of heap; undefined for a control itself, and for resident memory, which varies twofold. */
const figureOf = ({ server, metric, cost, ratios }: Cell): number | undefined => {
  const control = controlOf(server);
  if (control === undefined || metric === "rss") return undefined;
  if (isMemory(metric)) return cost.median;
  return ratios.base === undefined ? ratios[control]?.median : 1 / ratios.base.median;
};

/** Floors from a run. */
export const floorsOf = (cells: readonly Cell[]): Floors => {
  const floors: Record<string, Record<string, number>> = {};
  for (const cell of cells) {
    const figure = figureOf(cell);
    if (figure === undefined) continue;
    const floor = isMemory(cell.metric)
      ? Math.ceil((figure / SHARE) * 10) / 10
      : Math.floor(figure * SHARE * 100) / 100;
    floors[cell.server] = { ...floors[cell.server], [cell.metric]: floor };
  }
  return floors;
};

/** A cell that does not hold its floor. */
export interface Regression {
  readonly metric: string;
  readonly reason: string;
}

/**
 * What a run has below the floors; a cell that is missing is below, unless its server could not run, and so is one that has
 * no floor.
 */
export const regressions = (cells: readonly Cell[], floors: Floors, skipped: readonly string[]): Regression[] => {
  const regression = (server: string, metric: string, what: string): Regression => ({
    metric,
    reason: `${server}, ${metric}: ${what}`,
  });
  const below = Object.entries(floors)
    .filter(([server]) => !skipped.includes(server))
    .flatMap(([server, byMetric]) =>
      Object.entries(byMetric).flatMap(([metric, floor]) => {
        const cell = cells.find((one) => one.server === server && one.metric === metric);
        const figure = cell === undefined ? undefined : figureOf(cell);
        if (figure === undefined || Number.isNaN(figure)) return [regression(server, metric, "not measured")];
        if (isMemory(metric)) {
          return figure <= floor ? [] : [regression(server, metric, `${figure.toFixed(2)} KiB, more than ${floor}`)];
        }
        if (figure >= floor) return [];
        const rival = metricOf(metric).compare === "growth" ? "what it is alone," : controlOf(server);
        const what = `${figure.toFixed(2)} x ${rival} per CPU, less than the floor of ${floor}`;
        return [regression(server, metric, what)];
      }),
    );
  const unheld = cells.filter(
    (cell) => figureOf(cell) !== undefined && floors[cell.server]?.[cell.metric] === undefined,
  );
  return [...below, ...unheld.map(({ server, metric }) => regression(server, metric, "no floor"))];
};
