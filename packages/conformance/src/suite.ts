import { describe, test } from "vitest";
import type { Area } from "./area.js";
import { auth } from "./cases/auth.js";
import { backpressure } from "./cases/backpressure.js";
import { broadcast } from "./cases/broadcast.js";
import { callbacks } from "./cases/callbacks.js";
import { churn } from "./cases/churn.js";
import { connection } from "./cases/connection.js";
import { handshake } from "./cases/handshake.js";
import { heartbeat } from "./cases/heartbeat.js";
import { limits } from "./cases/limits.js";
import { malformed } from "./cases/malformed.js";
import { messages } from "./cases/messages.js";
import { replies } from "./cases/replies.js";
import { shutdown } from "./cases/shutdown.js";
import { Lab } from "./lab.js";
import type { Row } from "./row.js";
import { type Time, useTime } from "./time.js";

const areas: Readonly<Record<string, Area>> = {
  handshake,
  auth,
  messages,
  replies,
  connection,
  broadcast,
  backpressure,
  malformed,
  limits,
  heartbeat,
  shutdown,
  callbacks,
  churn,
};

const CASE_TIMEOUT_MS = 60_000;

const run = (row: Row, body: (lab: Lab) => Promise<void>) => async (): Promise<void> => {
  const lab = new Lab(row);
  try {
    await body(lab);
  } finally {
    await lab.dispose();
  }
};

/** The whole suite over one adapter. Where time is simulated, each case has it for itself. */
export const describeAdapter = (row: Row, time: Time = "real"): void => {
  const beside = time === "real" ? test.concurrent : test.sequential;
  describe(row.name, () => {
    useTime(time);
    for (const [area, declare] of Object.entries(areas)) {
      describe(area, () => {
        declare({
          it: (sentence, body, ms = CASE_TIMEOUT_MS) => beside(sentence, run(row, body), ms),
          alone: (sentence, body, ms = CASE_TIMEOUT_MS) => test.sequential(sentence, run(row, body), ms),
          row,
        });
      });
    }
  });
};
