import type { Metric } from "./metrics.js";
import { metricOf } from "./metrics.js";
import type { Cell } from "./results.js";
import { SERVERS } from "./servers.js";
import type { Spread } from "./statistics.js";

const number = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
};

const spread = ({ median, min, max }: Spread): string => `${number(median)} (${number(min)}-${number(max)})`;

const ratio = ({ compare }: Metric, value: Spread | undefined): string => {
  if (value === undefined) return "";
  return compare === "difference" ? `${value.median < 0 ? "" : "+"}${spread(value)} KiB` : `${spread(value)} x`;
};

const titleOf = (server: string): string => SERVERS.find(({ name }) => name === server)?.title ?? server;

const HEAD = ["", "cost", "against raw", "against socket.io", "p50 ms", "p99 ms", "load: server", "generator", ""];

const lineOf = (metric: Metric, { server, cost, ratios, latency, load, generatorBound }: Cell): string[] => {
  const rival = (kind: string): Spread | undefined =>
    Object.entries(ratios).find(([name]) => name.startsWith(kind))?.[1];
  return [
    titleOf(server),
    `${spread(cost)} ${metric.unit}`,
    ratio(metric, rival("raw-")),
    metric.compare === "growth" ? `of its own: ${ratio(metric, ratios.base)}` : ratio(metric, rival("socketio-")),
    latency === undefined ? "" : number(latency.p50 / 1000),
    latency === undefined ? "" : number(latency.p99 / 1000),
    load === undefined ? "" : number(load.server),
    load === undefined ? "" : number(load.generator),
    generatorBound ? "*" : "",
  ];
};

const pad = (lines: readonly (readonly string[])[]): string[] => {
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
};

/** The cells as text, one block for each metric. */
export const tableOf = (cells: readonly Cell[]): string => {
  const metrics = [...new Set(cells.map(({ metric }) => metric))].map(metricOf);
  const lines = metrics.flatMap((metric) => [
    [],
    [metric.title],
    ...cells.filter((cell) => cell.metric === metric.name).map((cell) => lineOf(metric, cell)),
  ]);
  const marked = cells.some(({ generatorBound }) => generatorBound);
  return [
    ...pad([HEAD, ...lines]),
    "",
    "cost: CPU of the server process, median (min-max); ratios of throughput per CPU, more is better, or of memory.",
    ...(marked ? ["*: the generator used more CPU than the server, and may have set the pace."] : []),
  ].join("\n");
};
