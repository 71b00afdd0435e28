// For applications, which import them from an adapter or, to be independent of one, from here.

export type {
  CodecOptions,
  CustomDeserializers,
  CustomSerializers,
  SerializerArgs,
  UnserializerArgs,
} from "./codec/options.js";
export type {
  CallbackResult,
  EventName,
  EZEZServerClient,
  Ids,
  Listen,
  MessageCallback,
  MessageParameters,
  OnCallback,
  OnReply,
  Reply,
  Send,
  SendArguments,
  TEvents,
} from "./contract.js";
export {
  type CallerErrorCode,
  EZEZError,
  type EZEZErrorCode,
  type PeerErrorCode,
  type ReportedErrorCode,
} from "./errors.js";
export type { AnyServerClient, Callbacks, CommonOptions, ContextOption, Options } from "./options.js";
export { CloseCode } from "./protocol.js";
export type { BroadcastOptions, CloseOptions } from "./server.js";

// For adapters.

export { integer, oneOf, type Resolved, type Rule, resolve } from "./checks.js";
export { warnIfOlder } from "./console.js";
export { createHandshake } from "./handshake.js";
export type { ResolvedOptions } from "./options.js";
export { EZEZServer } from "./server.js";
export type {
  Acceptor,
  Admission,
  Group,
  Handshake,
  Listener,
  Refusal,
  SendStatus,
  Socket,
  SocketHandler,
} from "./socket.js";

// For the client package alone, which shares them with a server: they may change with any release.

export { type AnyReply, Channel, type ChannelOwner, type Outgoing } from "./channel.js";
export { checkFunctions } from "./checks.js";
export { bytesOf, isBinary } from "./codec/encode-value.js";
export { tellConsole } from "./console.js";
export { Emitter } from "./emitter.js";
export { callbackFailed } from "./errors.js";
export { FrameCodec, type Message, type ReservedMessage } from "./frame.js";
export { guard } from "./guard.js";
export { Heartbeat } from "./heartbeat.js";
export { AUTH_TIMEOUT, PROTOCOL_VERSION, ReservedEvent, VERIFICATION_FAILED } from "./protocol.js";
