export { closePayload, encodeFrame, type Frame, type FrameOptions, FrameReader, Opcode } from "./frames.js";
export { freePort } from "./free-port.js";
export { authRejectedBytes, decode, encode, hex, part } from "./messages.js";
export { Random } from "./random.js";
export { DEADLINE_MS, gate, until, within } from "./wait.js";
export {
  type Connect,
  type Ending,
  type HttpResponse,
  requestHttp,
  upgradeRequest,
  Wire,
  type WireOptions,
} from "./wire.js";
