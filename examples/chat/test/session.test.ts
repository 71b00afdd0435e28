import { describe, expect, it } from "vitest";
import { playSession } from "../session.js";
import { Transcript } from "../transcript.js";

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
});
