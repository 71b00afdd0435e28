import { metricOf } from "./metrics.js";
import type { Cell } from "./results.js";
import { SERVERS } from "./servers.js";

/**
 * The least throughput per CPU, against the raw control or against itself where nothing is piled up: by server, then by
 * metric.
 */
export type Floors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Half of what was measured: noise stays above it, a lost optimisation does not. */
const SHARE = 0.5;

const controlOf = (server: string): string | undefined => SERVERS.find(({ name }) => name === server)?.control;

/** In throughput per CPU; undefined for a control itself, and for memory. */
const ratioOf = ({ server, metric, ratios }: Cell): number | undefined => {
  const control = controlOf(server);
  const { compare } = metricOf(metric);
  if (control === undefined || compare === "difference") return undefined;
  return compare === "growth" && ratios.base !== undefined ? 1 / ratios.base.median : ratios[control]?.median;
};

/** Floors from a run. */
export const floorsOf = (cells: readonly Cell[]): Floors => {
  const floors: Record<string, Record<string, number>> = {};
  for (const cell of cells) {
    const ratio = ratioOf(cell);
    if (ratio === undefined) continue;
    floors[cell.server] = { ...floors[cell.server], [cell.metric]: Math.floor(ratio * SHARE * 100) / 100 };
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
        const ratio = cell === undefined ? undefined : ratioOf(cell);
        if (ratio === undefined || Number.isNaN(ratio)) return [regression(server, metric, "not measured")];
        if (ratio >= floor) return [];
        const rival = metricOf(metric).compare === "growth" ? "what it is alone," : controlOf(server);
        const what = `${ratio.toFixed(2)} x ${rival} per CPU, less than the floor of ${floor}`;
        return [regression(server, metric, what)];
      }),
    );
  const unheld = cells.filter(
    (cell) => ratioOf(cell) !== undefined && floors[cell.server]?.[cell.metric] === undefined,
  );
  return [...below, ...unheld.map(({ server, metric }) => regression(server, metric, "no floor"))];
};
