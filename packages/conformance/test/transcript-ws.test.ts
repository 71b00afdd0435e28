import { capabilities, create } from "../src/rows/ws.js";
import { describeTranscripts } from "../src/transcript/describe.js";
import { overTcp } from "../src/transcript/row.js";

describeTranscripts("ws", overTcp(create), capabilities);
