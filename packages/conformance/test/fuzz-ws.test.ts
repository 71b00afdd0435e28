import { describeFuzz } from "../src/fuzz/describe.js";
import { capabilities, create } from "../src/rows/ws.js";

describeFuzz("ws", create, capabilities);
