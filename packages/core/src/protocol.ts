/** The wire version, the third part of the auth message. */
export const PROTOCOL_VERSION = 1;

export const RESERVED_PREFIX = "ezez-ws::";

export const ReservedEvent = {
  auth: "ezez-ws::auth",
  authOk: "ezez-ws::auth-ok",
  authRejected: "ezez-ws::auth-rejected",
} as const;

/** Close codes: RFC 6455 section 7.4.1, and 4000-4999 of our own. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatus: 1005,
  abnormal: 1006,
  policyViolation: 1008,
  messageTooBig: 1009,
  tryAgainLater: 1013,
  unauthorized: 4401,
  authTimeout: 4408,
  rateLimited: 4429,
} as const;

// The reasons after which a client tries again. Each alone, since a bundler keeps all of an object.
export const VERIFICATION_FAILED = "Auth verification failed";
export const AUTH_TIMEOUT = "Auth timeout";

/** Reasons of auth-rejected. Deployed clients show and compare them: they never change. */
export const RejectReason = {
  invalidKey: "Invalid auth key",
  verificationFailed: VERIFICATION_FAILED,
  timeout: AUTH_TIMEOUT,
} as const;

/** The version stands here once more as text: a bundle without a server can leave out a literal alone. */
export const VERSION_MISMATCH: `Protocol version mismatch, wanted ${typeof PROTOCOL_VERSION}, got ` =
  "Protocol version mismatch, wanted 1, got ";

/** What every message has to keep to, in both directions. */
export const WireLimit = {
  parts: 1024,
  eventNameBytes: 256,
  /** Containers inside one another. */
  depth: 256,
  /** Values inside typed JSON, its containers included, in one message. */
  nodes: 100_000,
  bigIntDigits: 10_000,
} as const;

/** RFC 6455 section 5.5: a close frame's payload is 125 bytes, 2 of them the code. */
export const CLOSE_REASON_BYTES = 123;

/** Ids of broadcasts, from 2^48; those of one connection start below 2^31 and never get here. */
export const FIRST_BROADCAST_ID = 0x1_0000_0000_0000;

/** A peer has this long to finish the closing handshake. */
export const CLOSING_HANDSHAKE_MS = 2000;
