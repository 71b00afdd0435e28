import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("warnIfOlder", () => {
  let warnIfOlder: typeof import("../src/console.js").warnIfOlder;
  // What was told once is known for as long as the module is loaded.
  beforeEach(async () => {
    vi.resetModules();
    ({ warnIfOlder } = await import("../src/console.js"));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const warnings = (...versions: [version: string, minimum: string][]): unknown[] => {
    const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
    // A name for each: each warns once.
    for (const [version, minimum] of versions) warnIfOlder(`Test ${version}`, version, minimum);
    return spy.mock.calls.map(([text]) => text);
  };

  it("warns of what is older", () => {
    expect(warnings(["1.4.0", "1.4.1"], ["1.3.14", "1.4.1"], ["0.9.9", "1.4.1"], ["2.8.3", "2.9"])).toHaveLength(4);
  });

  it("is silent on what is not, and on what it cannot read", () => {
    const same: [string, string][] = [
      ["1.4.1", "1.4.1"],
      ["1.10.0", "1.4.1"],
      ["2.0.0", "1.4.1"],
      ["1.4.1-canary.5", "1.4.1"],
      ["2.9.0", "2.9"],
      ["v.x", "2.9"],
    ];
    expect(warnings(...same)).toEqual([]);
  });

  it("says what is old, and says it once", () => {
    const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
    warnIfOlder("Runtime", "1.0", "1.1");
    warnIfOlder("Runtime", "1.0", "1.1");
    expect(spy.mock.calls).toEqual([["ezez-ws: Runtime 1.0 is too old: use 1.1 or later"]]);
  });
});
