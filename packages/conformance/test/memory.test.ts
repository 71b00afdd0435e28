import { inMemory } from "../src/rows/memory.js";
import { describeAdapter } from "../src/suite.js";

for (const closesSynchronously of [true, false]) describeAdapter(inMemory(closesSynchronously), "simulated");
