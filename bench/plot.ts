import { METRICS } from "./metrics.js";
import type { Cell, Results } from "./results.js";
import { SERVERS } from "./servers.js";

const WIDTH = 960;
const MARGIN = 16;
const LABELS = 252;
const HEAD = 92;
const FOOT = 56;
const BAR = 9;
const ROW = 34;
const GAP = 18;

// Text and lines are readable on either background; the background follows the reader's scheme.
const STYLE = `
  svg { --back: #ffffff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --ours: #0969da; --theirs: #8c959f; }
  @media (prefers-color-scheme: dark) {
    svg { --back: #0d1117; --text: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ours: #4493f8; --theirs: #656c76; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-weight: 600; }
  .faint { fill: var(--faint); font-size: 11px; }
  .back { fill: var(--back); }
  .line { stroke: var(--line); }
  .one { stroke: var(--faint); stroke-dasharray: 3 3; }
  .ours { fill: var(--ours); }
  .theirs { fill: var(--theirs); }
  .spread { stroke: var(--text); }
`;

const escapeXml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const text = (x: number, y: number, content: string, kind = "", anchor = "start"): string =>
  `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}">${escapeXml(content)}</text>`;

const line = (x1: number, y1: number, x2: number, y2: number, kind: string): string =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${kind}"/>`;

const round = (value: number): number => Math.round(value * 10) / 10;

interface Panel {
  readonly title: string;
  readonly control: string;
  readonly ours: string;
  readonly theirs: string | undefined;
}

const PANELS: readonly Panel[] = SERVERS.filter(({ dialect }) => dialect === "raw").map(({ name, title }) => ({
  title,
  control: name,
  ours: name.replace("raw-", "ezez-"),
  theirs: SERVERS.find((one) => one.name === name.replace("raw-", "socketio-"))?.name,
}));

/** One bar with its spread and its figure. */
const bar = (cell: Cell | undefined, control: string, x: number, y: number, scale: number, kind: string): string => {
  const ratio = cell?.ratios[control];
  if (ratio === undefined) return "";
  const [end, min, max] = [ratio.median, ratio.min, ratio.max].map((value) => round(x + value * scale)) as [
    number,
    number,
    number,
  ];
  const middle = y + BAR / 2;
  return [
    `<rect x="${x}" y="${y}" width="${round(end - x)}" height="${BAR}" class="${kind}"/>`,
    line(min, middle, max, middle, "spread"),
    text(Math.max(end, max) + 4, y + BAR, ratio.median.toFixed(2), "faint"),
  ].join("");
};

/** Throughput per CPU against the raw controls, a panel for each, as SVG. */
export const draw = ({ cells, machine, date }: Results): string => {
  const metrics = METRICS.filter(
    ({ name, compare }) => compare === "throughput" && cells.some(({ metric }) => metric === name),
  );
  const find = (server: string | undefined, metric: string): Cell | undefined =>
    cells.find((cell) => cell.server === server && cell.metric === metric);
  const drawn = cells.filter(({ metric }) => metrics.some(({ name }) => name === metric));
  const largest = Math.max(1, ...drawn.flatMap(({ ratios }) => PANELS.map(({ control }) => ratios[control]?.max ?? 0)));
  const panelWidth = (WIDTH - 2 * MARGIN - LABELS - GAP * (PANELS.length - 1)) / PANELS.length;
  // Room for the figure behind the longest bar.
  const scale = (panelWidth - 32) / largest;
  const height = HEAD + metrics.length * ROW + FOOT;
  const bottom = HEAD + metrics.length * ROW;

  const panels = PANELS.flatMap(({ title, control, ours, theirs }, i) => {
    const x = round(MARGIN + LABELS + i * (panelWidth + GAP));
    return [
      text(x, HEAD - 14, `1 = ${title}`, "panel"),
      line(x, HEAD, x, bottom, "line"),
      line(round(x + scale), HEAD, round(x + scale), bottom, "one"),
      ...metrics.flatMap(({ name }, row) => {
        const y = HEAD + row * ROW + 5;
        return [
          bar(find(ours, name), control, x, y, scale, "ours"),
          bar(find(theirs, name), control, x, y + BAR + 3, scale, "theirs"),
        ];
      }),
    ];
  });
  const labels = metrics.map(({ title }, row) => text(MARGIN, HEAD + row * ROW + ROW / 2 + 2, title));
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    "<title>Throughput per CPU of ezez-ws and socket.io against ws, uWebSockets.js and Bun alone</title>",
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${height}" class="back"/>`,
    text(MARGIN, 30, "Throughput per CPU, against the same work on the runtime alone", "title"),
    `<rect x="${MARGIN}" y="42" width="12" height="${BAR}" class="ours"/>${text(MARGIN + 18, 51, "ezez")}`,
    `<rect x="${MARGIN + 70}" y="42" width="12" height="${BAR}" class="theirs"/>${text(MARGIN + 88, 51, "socket.io")}`,
    ...labels,
    ...panels,
    text(MARGIN, height - 28, "Medians, and from the least to the most of all rounds. More is better.", "faint"),
    text(
      MARGIN,
      height - 12,
      [date.slice(0, 10), machine.cpu, `${machine.cores} cores`, ...versions].join(", "),
      "faint",
    ),
    "</svg>",
    "",
  ].join("\n");
};
