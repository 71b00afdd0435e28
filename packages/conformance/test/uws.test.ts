import { describe, test } from "vitest";
import { capabilities, create } from "../src/rows/uws.js";
import { describeAdapter } from "../src/suite.js";

/** Why uWebSockets.js cannot be loaded here; undefined where it can. */
const obstacle = async (): Promise<string | undefined> => {
  const server = create({ port: 0 }, { onAuthRequest: () => false });
  try {
    await server.start();
    return undefined;
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  } finally {
    await server.close();
  }
};

const why = await obstacle();
if (why === undefined) describeAdapter("uws", create, capabilities);
else describe.skip(`uws (skipped: ${why.split("\n")[0]})`, () => void test("runs where uWS does", () => undefined));
