import { expect, it } from "vitest";
import { closeCodeOf, EZEZError, malformed, type PeerErrorCode } from "../src/errors.js";

it("is an Error with a code, a stage and a cause", () => {
  const cause = new Error("why");
  const error = new EZEZError("CALLBACK_FAILED", "what", { stage: "onMessage", cause });
  expect(error).toBeInstanceOf(Error);
  expect({ ...error, message: error.message, name: error.name }).toMatchObject({
    name: "EZEZError",
    message: "what",
    code: "CALLBACK_FAILED",
    stage: "onMessage",
    cause,
  });
  expect(String(error)).toBe("EZEZError: what");
  expect(new EZEZError("DISCONNECTED", "x")).toMatchObject({ stage: undefined, cause: undefined });
});

it("malformed is of the decoder", () => {
  expect(malformed("x", 1)).toMatchObject({ code: "MALFORMED_MESSAGE", stage: "decode", cause: 1, message: "x" });
});

it("each mistake of a peer has the close code of the contract", () => {
  const codes: Record<PeerErrorCode, number> = {
    MALFORMED_MESSAGE: 1002,
    RESERVED_EVENT: 1002,
    DUPLICATE_AUTH: 1002,
    TEXT_MESSAGE: 1003,
    QUEUE_OVERFLOW: 1008,
    MESSAGE_TOO_LARGE: 1009,
    SLOW_CONSUMER: 1013,
    AUTH_DECISION_TIMEOUT: 1013,
    AUTH_UNAVAILABLE: 1013,
    RATE_LIMITED: 4429,
  };
  for (const [code, expected] of Object.entries(codes)) expect(closeCodeOf(code as PeerErrorCode)).toBe(expected);
});
