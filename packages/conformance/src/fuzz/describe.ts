import { describe as group, test } from "vitest";
import type { Row } from "../row.js";
import { play } from "./session.js";

const { FUZZ_SEED = "1", FUZZ_SESSIONS = "60", FUZZ_MINUTES = "0" } = process.env;
const LANES = 3;

/** Plays random sessions on one adapter: so many, or for so many minutes. */
export const describeFuzz = (row: Row): void => {
  const { name } = row;
  const minutes = Number(FUZZ_MINUTES);
  group(`fuzz: ${name}`, () => {
    test("whatever peers and callbacks do at random, the contract holds", {
      timeout: 120_000 + minutes * 60_000,
    }, async () => {
      const first = Number(FUZZ_SEED);
      const end = performance.now() + minutes * 60_000;
      let next = first;
      const lane = async (): Promise<void> => {
        while (minutes > 0 ? performance.now() < end : next < first + Number(FUZZ_SESSIONS)) {
          const seed = next++;
          const problems = await play(row, seed);
          if (problems.length > 0)
            throw new Error(`FUZZ_SEED=${seed} FUZZ_SESSIONS=1 plays it alone\n${problems.join("\n")}`);
        }
      };
      console.log(`fuzz: ${name} from FUZZ_SEED=${first}`);
      await Promise.all(Array.from({ length: LANES }, lane));
      console.log(`fuzz: ${name}: ${next - first} sessions, seeds ${first} to ${next - 1}`);
    });
  });
};
