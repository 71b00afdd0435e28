import { connectInMemory, createInMemory } from "../memory/server.js";
import type { Row } from "../row.js";

/**
 * The core on no runtime and no network: what every real row has to match. The runtimes differ most in when they count a
 * connection that the server closes as closed, so there is one row for each.
 */
export const inMemory = (closesSynchronously: boolean): Row => ({
  name: `memory, closing ${closesSynchronously ? "synchronously" : "asynchronously"}`,
  create: createInMemory(closesSynchronously),
  connect: connectInMemory,
  emitters: () => [],
  capabilities: {
    closesSynchronously,
    nativeFramingCloseCode: 1002,
    nativeUtf8CloseCode: 1007,
    nativeTooLargeCloseCode: 1009,
    reportsFramingErrors: true,
    unmaskedFrame: "refused",
    readsRegisteredCloseCodes: true,
    readsCloseCode1014: true,
    answersCloseBehindMessage: false,
    readsBehindUpgrade: true,
    statusBehindPendingUpgrade: 101,
    keepsUrl: true,
    readsRequestLineInPieces: true,
    heartbeat: "core",
    pacesPongs: false,
    keepsUntilPing: false,
    freesClosedSocketMs: 5000,
  },
});
