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
import type { Capabilities, CreateServer } from "./row.js";

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

const CASE_TIMEOUT_MS = 20_000;

const run = (create: CreateServer, body: (lab: Lab) => Promise<void>) => async (): Promise<void> => {
  const lab = new Lab(create);
  try {
    await body(lab);
  } finally {
    await lab.dispose();
  }
};

/** The whole suite over one adapter. */
export const describeAdapter = (name: string, create: CreateServer, capabilities: Capabilities): void => {
  describe(name, () => {
    for (const [area, declare] of Object.entries(areas)) {
      describe(area, () => {
        declare({
          it: (sentence, body, ms = CASE_TIMEOUT_MS) => test.concurrent(sentence, run(create, body), ms),
          alone: (sentence, body, ms = CASE_TIMEOUT_MS) => test.sequential(sentence, run(create, body), ms),
          capabilities,
          create,
        });
      });
    }
  });
};
