export type * from "@ezez-ws/core";
export { CloseCode, EZEZError } from "@ezez-ws/core";
export { EZEZWebsocketServer, type UwsOptions } from "./server.js";
