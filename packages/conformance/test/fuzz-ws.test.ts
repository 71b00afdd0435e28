import { describeFuzz } from "../src/fuzz/describe.js";
import { ws } from "../src/rows/ws.js";

describeFuzz(ws);
