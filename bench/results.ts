import type { Machine } from "./machine.js";
import { type Metric, metricOf } from "./metrics.js";
import type { ServerDefinition } from "./servers.js";
import { type Spread, spreadOf } from "./statistics.js";
import type { Reading } from "./workloads.js";

/** One metric of one server. */
export interface Cell {
  readonly metric: string;
  readonly server: string;
  readonly samples: number;
  readonly cost: Spread;
  /** By the name of the server it is compared with, or by "base"; what they mean the metric says. */
  readonly ratios: Readonly<Record<string, Spread>>;
  readonly latency?: { readonly p50: number; readonly p99: number };
  /** CPU seconds per second, medians. */
  readonly load?: { readonly server: number; readonly generator: number };
  /** The generator used as much CPU as the server or more: with a core for each, it was the generator that set the pace. */
  readonly generatorBound: boolean;
}

/** What a run leaves. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly cells: readonly Cell[];
}

/** Readings by metric, then by server, one for each round. */
export type Readings = Map<string, Map<string, Reading[]>>;

export const addReading = (readings: Readings, server: string, reading: Reading): void => {
  const byServer = readings.get(reading.metric) ?? new Map<string, Reading[]>();
  readings.set(reading.metric, byServer);
  byServer.set(server, [...(byServer.get(server) ?? []), reading]);
};

/** Whom a server is compared with. */
const rivalsOf = ({ name, control }: ServerDefinition): string[] => {
  if (control === undefined) return [];
  return name.startsWith("ezez-") ? [control, control.replace("raw-", "socketio-")] : [control];
};

const compare = ({ compare }: Metric, ours: Reading, other: number): number =>
  compare === "throughput" ? other / ours.cost : compare === "difference" ? ours.cost - other : ours.cost / other;

const medianOf = (samples: readonly number[]): number => spreadOf(samples).median;

/** The cells of all metrics, in the order of the servers. */
export const cellsOf = (readings: Readings, servers: readonly ServerDefinition[]): Cell[] =>
  [...readings].flatMap(([metric, byServer]) =>
    servers.flatMap((server) => {
      const samples = byServer.get(server.name);
      return samples === undefined ? [] : [cellOf(metricOf(metric), server, samples, byServer)];
    }),
  );

const cellOf = (
  metric: Metric,
  server: ServerDefinition,
  samples: readonly Reading[],
  byServer: ReadonlyMap<string, readonly Reading[]>,
): Cell => {
  const ratios: Record<string, Spread> = {};
  if (metric.compare === "growth") {
    ratios.base = spreadOf(samples.map((sample) => compare(metric, sample, sample.base ?? Number.NaN)));
  } else {
    for (const rival of rivalsOf(server)) {
      const others = byServer.get(rival);
      if (others === undefined) continue;
      // Within one round, so that what slows the machine for a while slows both.
      ratios[rival] = spreadOf(
        samples.map((sample, round) => compare(metric, sample, others[round]?.cost ?? Number.NaN)),
      );
    }
  }
  const latencies = samples.flatMap(({ latency }) => (latency === undefined ? [] : [latency]));
  const loads = samples.flatMap(({ load }) => (load === undefined ? [] : [load]));
  const load = {
    server: medianOf(loads.map(({ server }) => server)),
    generator: medianOf(loads.map(({ generator }) => generator)),
  };
  const latency = { p50: medianOf(latencies.map(({ p50 }) => p50)), p99: medianOf(latencies.map(({ p99 }) => p99)) };
  return {
    metric: metric.name,
    server: server.name,
    samples: samples.length,
    cost: spreadOf(samples.map(({ cost }) => cost)),
    ratios,
    ...(latency.p50 > 0 ? { latency } : {}),
    ...(loads.length > 0 ? { load } : {}),
    generatorBound: load.generator >= load.server,
  };
};
