import { capabilities, create } from "../src/rows/ws.js";
import { describeAdapter } from "../src/suite.js";

describeAdapter("ws", create, capabilities);
