import { METRICS, type Metric } from "./metrics.js";
import type { Cell } from "./results.js";
import { SERVERS } from "./servers.js";
import type { Spread } from "./statistics.js";
import { TARGETS } from "./targets.js";

const COLUMNS = SERVERS.filter(({ name }) => name.startsWith("ezez-"));

const digits = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 2 : 1);

const spreadOf = ({ median, min, max }: Spread): string => `${digits(median)} (${digits(min)}-${digits(max)})`;

/** A server's name for readers, where the column already says which runtime it is. */
const rivalName = (rival: string): string => {
  if (rival === "base") return "itself";
  if (rival === "none") return "";
  return rival.startsWith("raw-") ? "raw" : "socket.io";
};

const figureOf = ({ compare, unit }: Metric, cell: Cell, rival: string, isBound: boolean): string | undefined => {
  const spread = rival === "none" ? cell.cost : cell.ratios[rival];
  if (spread === undefined) return undefined;
  const target = TARGETS.find(
    (one) => one.metric === cell.metric && one.server === cell.server && one.against === rival,
  );
  const what =
    rival === "none"
      ? `${spreadOf(spread)} ${unit}`
      : compare === "difference"
        ? `${spread.median < 0 ? "" : "+"}${spreadOf(spread)} ${unit} to ${rivalName(rival)}`
        : `${spreadOf(spread)} x ${rivalName(rival)}`;
  const mark = isBound ? " \\*" : "";
  if (target === undefined) return what + mark;
  const { atLeast, atMost } = target;
  const isMet = spread.median >= (atLeast ?? -Infinity) && spread.median <= (atMost ?? Infinity);
  const goal = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return (isMet ? `**${what}**, ${goal}` : `${what}, *${goal}*`) + mark;
};

const cellText = (metric: Metric, cells: readonly Cell[], server: string): string => {
  const cellOf = (name: string): Cell | undefined =>
    cells.find((one) => one.metric === metric.name && one.server === name);
  const cell = cellOf(server);
  if (cell === undefined) return "";
  const rivals = metric.compare === "difference" ? ["none", ...Object.keys(cell.ratios)] : Object.keys(cell.ratios);
  const isBound = (rival: string): boolean => cell.generatorBound || cellOf(rival)?.generatorBound === true;
  return rivals.flatMap((rival) => figureOf(metric, cell, rival, isBound(rival)) ?? []).join("<br>");
};

const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;

/** What was measured beside what is wanted, as Markdown. */
export const figuresOf = (cells: readonly Cell[]): string =>
  [
    line(["", ...COLUMNS.map(({ title }) => title)]),
    line(["---", ...COLUMNS.map(() => "---")]),
    ...METRICS.map((metric) => line([metric.title, ...COLUMNS.map(({ name }) => cellText(metric, cells, name))])),
  ].join("\n");
