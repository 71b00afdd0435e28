import { EZEZWebsocketServer } from "@ezez-ws/adapter-uws";
import type { Row } from "../row.js";
import { connectTcp } from "../wire.js";

export const uws: Row = {
  name: "uws",
  create: (options, callbacks) => new EZEZWebsocketServer(options, callbacks),
  connect: connectTcp,
  emitters: () => [],
  capabilities: {
    closesSynchronously: true,
    nativeFramingCloseCode: 1006,
    nativeUtf8CloseCode: 1006,
    nativeTooLargeCloseCode: 1006,
    reportsFramingErrors: false,
    unmaskedFrame: "misread",
    // https://github.com/uNetworking/uWebSockets/blob/master/src/WebSocketProtocol.h
    readsRegisteredCloseCodes: false,
    readsCloseCode1014: false,
    answersCloseBehindMessage: false,
    // https://github.com/uNetworking/uWebSockets/blob/master/src/HttpParser.h
    readsBehindUpgrade: false,
    statusBehindPendingUpgrade: 505,
    keepsUrl: true,
    // https://github.com/uNetworking/uWebSockets/issues/1776
    readsRequestLineInPieces: false,
    heartbeat: "core",
    pacesPongs: false,
    keepsUntilPing: false,
    // A timer of its own, of up to 16 s.
    freesClosedSocketMs: 19_000,
  },
};
