import { ws } from "../src/rows/ws.js";
import { describeAdapter } from "../src/suite.js";

describeAdapter(ws);
