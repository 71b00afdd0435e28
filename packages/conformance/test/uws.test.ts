import { capabilities, create } from "../src/rows/uws.js";
import { describeAdapter } from "../src/suite.js";

describeAdapter("uws", create, capabilities);
