import { EZEZWebsocketServer } from "@ezez-ws/adapter-bun";
import type { Row } from "../row.js";
import { connectTcp } from "../wire.js";

export const bun: Row = {
  name: "bun",
  create: (options, callbacks) => new EZEZWebsocketServer(options, callbacks),
  connect: connectTcp,
  emitters: () => [],
  capabilities: {
    closesSynchronously: true,
    nativeFramingCloseCode: 1002,
    nativeUtf8CloseCode: 1007,
    nativeTooLargeCloseCode: 1009,
    reportsFramingErrors: true,
    unmaskedFrame: "refused",
    readsRegisteredCloseCodes: true,
    readsCloseCode1014: true,
    answersCloseBehindMessage: false,
    readsBehindUpgrade: true,
    statusBehindPendingUpgrade: 400,
    // Request.url is a parsed URL: https://url.spec.whatwg.org/#path-state
    keepsUrl: false,
    readsRequestLineInPieces: true,
    heartbeat: "core",
    pacesPongs: false,
    keepsUntilPing: false,
    freesClosedSocketMs: 5000,
  },
};
