import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { difference } from "../difference.js";
import { findRuntimes, nameOf, WS_ON_NODE } from "../runtimes.js";
import { playSession } from "../session.js";
import { normalise, Transcript } from "../transcript.js";

process.env.TSX_TSCONFIG_PATH = fileURLToPath(new URL("../tsconfig.source.json", import.meta.url));
const others = (await findRuntimes()).filter(({ id }) => id !== WS_ON_NODE.id);

describe("the scripted session", () => {
  it("passes, and tells each step", async () => {
    const lines: string[] = [];
    const transcript = new Transcript((line) => lines.push(line));
    await playSession(transcript);
    const text = lines.join("\n");
    expect(transcript.checks).toBeGreaterThan(15);
    expect(text).toContain('server   → Mallory  rejected   "Invalid auth key", closed with 4401');
    expect(text).toMatch(/server {3}→ Anna {5}said {7}id \d{19}n, quotes undefined/);
    expect(text).toContain("Ben      → server   choose     undefined, to abstain");
    expect(text).toContain("server   → all      tally      Tea 0, Coffee 1, abstained 1");
    expect(text).not.toContain("✗");
  });

  it("names the step and the claim that does not hold", () => {
    const transcript = new Transcript(() => undefined);
    transcript.step("A picture");
    expect(() => transcript.check("every byte is as it was", false, 7n)).toThrow(
      '"A picture": not true that every byte is as it was, but found 7n',
    );
  });

  for (const runtime of others) {
    const why = runtime.missing === undefined ? "" : ` (skipped: ${runtime.missing})`;
    it.skipIf(runtime.missing !== undefined)(`is the same on ${nameOf(runtime)}${why}`, async () => {
      const transcript = new Transcript(() => undefined);
      await playSession(transcript);
      const found = await runtime.play();
      expect(found.length).toBeGreaterThan(60);
      expect(difference(normalise(transcript.lines), normalise(found))).toEqual([]);
    });
  }
});

describe("transcripts", () => {
  it("are compared without what is never the same twice, but with what belongs together", () => {
    const [a, b] = ["7531179189001519104n", "7531179189014102016n"];
    const lines = ["at ws://127.0.0.1:32965/ws", `id ${a}`, `id ${b}`, `quotes ${a}`, "27812 bytes"];
    expect(normalise(lines)).toEqual([
      "at ws://127.0.0.1:<port 1>/ws",
      "id <id 1>",
      "id <id 2>",
      "quotes <id 1>",
      "27812 bytes",
    ]);
  });

  it("are told apart by the lines that are not in both", () => {
    expect(difference(["a", "b", "c"], ["a", "b", "c"])).toEqual([]);
    expect(difference(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"])).toEqual(["- b", "+ x", "+ e"]);
    expect(difference(["a", "b"], ["b"])).toEqual(["- a"]);
    expect(difference([], ["a"])).toEqual(["+ a"]);
    expect(difference(["a"], [])).toEqual(["- a"]);
  });
});
