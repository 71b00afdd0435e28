import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Capabilities, Row } from "../row.js";
import { inMemory } from "../rows/memory.js";
import { type Time, useTime } from "../time.js";
import { randomSession } from "./random.js";
import { record } from "./record.js";
import { script } from "./script.js";

const {
  /** Where each run leaves its transcripts. */
  TRANSCRIPTS = fileURLToPath(new URL("../../.transcripts", import.meta.url)),
  /** The seed of the first random session; each further one has the next. Any other gives other sessions. */
  TRANSCRIPT_SEED = "1",
  /** How many random sessions. */
  TRANSCRIPT_SESSIONS = "320",
  /** Anything: the expected transcript is written anew. */
  TRANSCRIPT_UPDATE,
} = process.env;

/** Reviewed by people, and written anew by `pnpm transcript:update`. */
const GOLDEN = fileURLToPath(new URL("../../test/transcript.expected.txt", import.meta.url));

// So many sessions at once: those that wait for a timeout hold up no others.
const LANES = 6;
const TIMEOUT_MS = 600_000;

const reference = inMemory(true);

/** What of a runtime's nature may differ; all else has to be equal. */
type Nature = Pick<Capabilities, "readsRegisteredCloseCodes" | "answersCloseBehindMessage">;

/** The expected transcript as it is on a row of this nature. */
const asOn = ({ readsRegisteredCloseCodes }: Nature, expected: string): string => {
  if (readsRegisteredCloseCodes) return expected;
  let text = expected;
  for (const [, peer, code, reason] of expected.matchAll(/^peer {3}(\w) -> close (\d+) (.*)$/gm)) {
    if (Number(code) < 1012 || Number(code) > 3999) continue;
    text = text
      .replace(`server ${peer} onDisconnect ${code} ${reason}\n`, `server ${peer} onDisconnect 1006 ""\n`)
      .replace(`peer   ${peer} <- close ${code} ${reason}\n`, `peer   ${peer} <- close 1005 ""\n`);
  }
  return text;
};

/**
 * The transcript without what is open where pings and a close frame come right behind a message that the server closes on:
 * pongs before the server's close frame, and whose code that frame has.
 */
const comparable = ({ answersCloseBehindMessage }: Nature, text: string): string => {
  if (!answersCloseBehindMessage) return text;
  const leaving = new Set<string>();
  const lines = text.replace(/(^peer {3}(\w) <- pong .*\n)+(?=peer {3}\2 <- close )/gm, "").split("\n");
  const shown = lines.map((line) => {
    const [, peer = "", direction] = /^peer {3}(\w) (->|<-) close /.exec(line) ?? [];
    if (direction === "->") leaving.add(peer);
    return direction === "<-" && leaving.has(peer) ? `peer   ${peer} <- close` : line;
  });
  return shown.join("\n");
};

/** Plays the same sessions on a row as everywhere, and compares all that can be observed. */
export const describeTranscripts = (row: Row, time: Time = "real"): void => {
  const { name, capabilities: nature } = row;
  const keep = async (part: string, text: string): Promise<void> => {
    await mkdir(TRANSCRIPTS, { recursive: true });
    await writeFile(`${TRANSCRIPTS}/${name.replace(/\W+/g, "-")}.${runtime()}.${part}.txt`, text);
  };

  describe(`transcripts: ${name}`, () => {
    useTime(time);
    // Ids begin at random; with fewer digits a message has fewer bytes, and may fit where its like did not.
    beforeAll(() => {
      const { random } = Math;
      vi.spyOn(Math, "random").mockImplementation(() => 0.5 + random() / 2);
    });
    afterAll(() => {
      vi.restoreAllMocks();
    });

    test(
      "the scripted session is as expected",
      async () => {
        const texts: string[] = [];
        for (const session of script) texts.push(await record(row, session));
        const text = texts.join("\n");
        await keep("script", text);
        if (TRANSCRIPT_UPDATE !== undefined) await writeFile(GOLDEN, text);
        expect(text, "the expected text is in test/transcript.expected.txt").toBe(
          asOn(nature, await readFile(GOLDEN, "utf8")),
        );
      },
      TIMEOUT_MS,
    );

    test(
      `random sessions are as without a network (TRANSCRIPT_SEED=${TRANSCRIPT_SEED})`,
      async () => {
        console.log(`${name}: ${TRANSCRIPT_SESSIONS} random sessions, TRANSCRIPT_SEED=${TRANSCRIPT_SEED}`);
        const first = Number(TRANSCRIPT_SEED);
        const count = Number(TRANSCRIPT_SESSIONS);
        const texts: string[] = [];
        let taken = 0;
        const lane = async (): Promise<void> => {
          while (taken < count) {
            const at = taken++;
            const seed = first + at;
            const session = randomSession(seed);
            const [expected, actual] = await Promise.all([record(reference, session), record(row, session)]);
            texts[at] = actual;
            expect(comparable(nature, actual), `TRANSCRIPT_SEED=${seed} TRANSCRIPT_SESSIONS=1 plays it alone`).toBe(
              comparable(nature, asOn(nature, expected)),
            );
          }
        };
        try {
          await Promise.all(Array.from({ length: LANES }, lane));
        } finally {
          await keep("random", texts.join("\n"));
        }
      },
      TIMEOUT_MS,
    );
  });
};

const runtime = (): string => {
  const { node, bun, deno } = process.versions;
  if (deno !== undefined) return "deno";
  return bun === undefined ? `node-${node.split(".")[0]}` : "bun";
};
