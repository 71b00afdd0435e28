import { MiB } from "../check.js";
import type { Sample } from "./run.js";

const WIDTH = 760;
const LEFT = 64;
const RIGHT = 32;
const PANEL = 130;
const GAP = 46;
const TOP = 52;

interface Panel {
  readonly title: string;
  readonly color: string;
  readonly of: (sample: Sample) => number;
}

// The ranges of both begin at 0, so that what is small looks small.
const PANELS: readonly Panel[] = [
  { title: "heap after collection, MiB", color: "heap", of: ({ heapBytes }) => heapBytes / MiB },
  { title: "resident memory, MiB", color: "rss", of: ({ rssBytes }) => rssBytes / MiB },
];

/** Heap and resident memory over time, as SVG that can be read on light and on dark. */
export const drawSoak = (title: string, samples: readonly Sample[], warmUpSeconds: number): string => {
  const seconds = Math.max(1, ...samples.map((sample) => sample.seconds));
  const x = (at: number): number => LEFT + (at / seconds) * (WIDTH - LEFT - RIGHT);
  const panels = PANELS.map((panel, i) => drawPanel(panel, samples, TOP + i * (PANEL + GAP), x));
  const height = TOP + PANELS.length * (PANEL + GAP);
  const bottom = height - GAP;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = share * seconds;
    return text(x(at), bottom + 18, "middle", `${(at / 60).toFixed(seconds < 600 ? 1 : 0)} min`);
  });
  const warm = `<line class="grid" stroke-dasharray="3 4" x1="${fixed(x(warmUpSeconds))}" x2="${fixed(x(warmUpSeconds))}" y1="${TOP - 6}" y2="${bottom}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>
svg { font: 12px system-ui, sans-serif; }
text { fill: #57606a; } .title { fill: #1f2328; font-size: 14px; font-weight: 600; }
.grid { stroke: #8c959f; stroke-opacity: .35; } .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.heap { stroke: #0969da; } .rss { stroke: #bc4c00; }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1; } .title { fill: #f0f6fc; } .heap { stroke: #4493f8; } .rss { stroke: #f0883e; }
}
</style>
<text class="title" x="${LEFT}" y="20">${escaped(title)}</text>
${[...panels, warm, ...marks, text(x(warmUpSeconds) + 4, TOP + 8, "start", "warm")].join("\n")}
</svg>
`;
};

const drawPanel = ({ title, color, of }: Panel, samples: readonly Sample[], top: number, x: (at: number) => number) => {
  const most = roundUp(Math.max(1, ...samples.map(of)));
  const y = (value: number): number => top + PANEL - (value / most) * PANEL;
  const grid = [0, 0.5, 1].map((share) => {
    const at = fixed(y(share * most));
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>${text(LEFT - 8, y(share * most) + 4, "end", String(share * most))}`;
  });
  const points = samples.map((sample) => `${fixed(x(sample.seconds))},${fixed(y(of(sample)))}`).join(" ");
  return [...grid, text(LEFT, top - 10, "start", title), `<polyline class="line ${color}" points="${points}"/>`].join(
    "\n",
  );
};

/** To the next number that can be halved and read. */
const roundUp = (value: number): number => {
  const step = 10 ** Math.floor(Math.log10(value));
  return Math.ceil(value / (2 * step)) * 2 * step;
};

const fixed = (value: number): string => value.toFixed(1);

const text = (x: number, y: number, anchor: "start" | "middle" | "end", content: string): string =>
  `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;

const escaped = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
