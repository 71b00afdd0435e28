import { ws } from "../src/rows/ws.js";
import { describeTranscripts } from "../src/transcript/describe.js";

describeTranscripts(ws);
