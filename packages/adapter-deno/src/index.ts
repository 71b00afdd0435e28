export type * from "@ezez-ws/core";
export { CloseCode, EZEZError } from "@ezez-ws/core";
export { type DenoAddress, type DenoOptions, type DenoRequestInfo, EZEZWebsocketServer } from "./server.js";
