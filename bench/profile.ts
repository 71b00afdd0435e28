import { readdirSync, readFileSync } from "node:fs";

/** What V8 and Bun write with `--cpu-prof`, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const TOP = 25;

/** The flags that have a server write its profiles, one of each thread, when it ends. */
export const profileFlags = (folder: string, name: string): string[] => [
  "--cpu-prof",
  `--cpu-prof-dir=${folder}/${name}`,
];

const selfTimes = ({ nodes, samples, timeDeltas }: CpuProfile): [place: string, microseconds: number][] => {
  const places = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split("/").slice(-3).join("/");
      return [id, `${functionName || "(anonymous)"} ${file === "" ? "" : `${file}:${lineNumber + 1}`}`];
    }),
  );
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const place = places.get(id) ?? "";
    // A process that waits or is not let run is of no interest.
    if (place.startsWith("(idle)") || place.startsWith("(program)")) continue;
    times.set(place, (times.get(place) ?? 0) + (timeDeltas[i] ?? 0));
  }
  return [...times].sort(([, a], [, b]) => b - a);
};

const totalOf = (times: readonly (readonly [string, number])[]): number =>
  times.reduce((sum, [, time]) => sum + time, 0);

/** The functions that took most of each server's busiest thread, by their own time. */
export const topOf = (folder: string): string =>
  readdirSync(folder)
    .map((name) => {
      const threads = readdirSync(`${folder}/${name}`)
        .map((file) => selfTimes(JSON.parse(readFileSync(`${folder}/${name}/${file}`, "utf8")) as CpuProfile))
        .sort((a, b) => totalOf(b) - totalOf(a));
      const [busiest = []] = threads;
      const total = totalOf(busiest);
      const lines = busiest
        .slice(0, TOP)
        .map(([place, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${place}`);
      return [name, ...lines].join("\n");
    })
    .join("\n\n");
