import { describe, expect, it } from "vitest";
import { type Floors, floorsOf, regressions } from "../guard.js";
import { type Cell, cellsOf, type Readings } from "../results.js";
import { SERVERS } from "../servers.js";

/** The cells of a run in which the servers cost this much, a number for each round. */
const run = (metric: string, costs: Readonly<Record<string, readonly number[]>>): Cell[] => {
  const readings: Readings = new Map([
    [metric, new Map(Object.entries(costs).map(([server, each]) => [server, each.map((cost) => ({ metric, cost }))]))],
  ]);
  return cellsOf(readings, SERVERS);
};

const reasons = (...run: Parameters<typeof regressions>): string[] => regressions(...run).map(({ reason }) => reason);

const floors: Floors = { "ezez-ws": { small: 0.5 }, "ezez-bun": { small: 0.1 } };
const bun = { "raw-bun": [1, 1, 1], "ezez-bun": [5, 5, 5] };

describe("floors of the benchmark", () => {
  it("are half of what was measured against the raw control", () => {
    const cells = run("small", { "raw-ws": [6, 6, 6], "ezez-ws": [4, 8, 5], "socketio-ws": [12, 12, 12] });
    // The ratios are 1.5, 0.75 and 1.2.
    expect(floorsOf(cells)).toEqual({ "ezez-ws": { small: 0.6 }, "socketio-ws": { small: 0.25 } });
  });

  it("are twice the cost where a server is compared with itself", () => {
    const grown = cellsOf(
      new Map([["idle+busy", new Map([["ezez-ws", [{ metric: "idle+busy", cost: 5, base: 4 }]]])]]),
      SERVERS,
    );
    expect(floorsOf(grown)).toEqual({ "ezez-ws": { "idle+busy": 0.4 } });
  });

  it("are ceilings of memory, twice what was measured", () => {
    const cells = run("heap", { "raw-ws": [3], "ezez-ws": [5.23] });
    const ceilings = floorsOf(cells);
    expect(ceilings).toEqual({ "ezez-ws": { heap: 10.5 } });
    expect(reasons(cells, ceilings, [])).toEqual([]);
    expect(reasons(run("heap", { "raw-ws": [3], "ezez-ws": [10.6] }), ceilings, [])).toEqual([
      "ezez-ws, heap: 10.60 KiB, more than 10.5",
    ]);
  });

  it("hold for a run at them", () => {
    expect(reasons(run("small", { "raw-ws": [5, 5, 5], "ezez-ws": [10, 10, 10], ...bun }), floors, [])).toEqual([]);
  });

  it("tell which cell is below them, and by how much", () => {
    expect(reasons(run("small", { "raw-ws": [5, 5, 5], "ezez-ws": [20, 20, 20], ...bun }), floors, [])).toEqual([
      "ezez-ws, small: 0.25 x raw-ws per CPU, less than the floor of 0.5",
    ]);
  });

  it("take the median of the ratios within each round", () => {
    // One round on a machine that was busy: both cost more, or one of them does.
    const cells = run("small", { "raw-ws": [5, 50, 5], "ezez-ws": [5, 50, 500], ...bun });
    expect(reasons(cells, floors, [])).toEqual([]);
  });

  it("miss a cell that was not measured, unless its server cannot run", () => {
    const cells = run("small", { "raw-ws": [5], "ezez-ws": [5] });
    expect(reasons(cells, floors, [])).toEqual(["ezez-bun, small: not measured"]);
    expect(reasons(cells, floors, ["ezez-bun"])).toEqual([]);
  });

  it("name the metric, so that its workload can be measured again", () => {
    const cells = run("small", { "raw-ws": [5], "ezez-ws": [50], ...bun });
    expect(regressions(cells, floors, []).map(({ metric }) => metric)).toEqual(["small"]);
    // Two further samples of a cell whose one sample was the machine's moment.
    expect(reasons(run("small", { "raw-ws": [5, 5, 5], "ezez-ws": [50, 5, 5], ...bun }), floors, [])).toEqual([]);
  });

  it("tell of a cell that has none", () => {
    expect(reasons(run("object", { "raw-ws": [5], "ezez-ws": [5] }), {}, [])).toEqual(["ezez-ws, object: no floor"]);
  });

  it("miss a cell whose control was not measured", () => {
    expect(reasons(run("small", { "ezez-ws": [5], ...bun }), floors, [])).toEqual(["ezez-ws, small: not measured"]);
  });
});
